import { expect, test } from "vitest";
import { area, linear, shareRange, ticks, valueAt, wrap } from "../src/charts/scale";

test("ticks are round numbers inside the range", () => {
  expect(ticks(0, 1240, 6)).toEqual([0, 500, 1000]);
  expect(ticks(0, 1240, 7)).toEqual([0, 200, 400, 600, 800, 1000, 1200]);
  expect(ticks(0.4, 1, 6)).toEqual([0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]);
  expect(ticks(5, 5, 4)).toEqual([5]);
});

test("a scale maps ends to ends", () => {
  const x = linear(0, 10, 44, 790);
  expect([x(0), x(10), x(5)]).toEqual([44, 790, 417]);
});

test("the range of shares is in whole tenths and wide enough to read", () => {
  expect(shareRange([0.43], [0.93])).toEqual([0.4, 1]);
  const [from, to] = shareRange([0.97], [0.99]);
  expect(to - from).toBeCloseTo(0.3);
});

test("a line has values only where it was measured", () => {
  const line = [{ labels: 10, value: 0.5 }, { labels: 20, value: 0.7 }];
  expect(valueAt(line, 15)).toBeCloseTo(0.6);
  expect(valueAt(line, 25)).toBeNull();
  expect(valueAt(line, 5)).toBeNull();
});

test("an area runs there and back", () => {
  expect(area([0, 1], [2, 3], [4, 5])).toBe("M0.0 2.0L1.0 3.0L1.0 5.0L0.0 4.0Z");
});

test("long sentences are broken between words", () => {
  expect(wrap("random is measured to here", 12)).toEqual(["random is", "measured to", "here"]);
});
