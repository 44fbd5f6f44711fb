import { expect, test } from "vitest";
import { ago, ends, many, money, moneyAbout, percent, span } from "../src/words/figures";

test("a figure never parts from its unit", () => {
  expect(percent(0.9)).toBe("90\u00a0%");
  expect(many(1, "label", "labels")).toBe("1\u00a0label");
  expect(many(1240, "label", "labels")).toBe("1,240\u00a0labels");
});

test("intervals are rounded outwards, inside 0 to 100", () => {
  expect(ends(0.8749, 0.9301)).toBe("87–94");
  expect(ends(0.87, 0.93)).toBe("87–93");
  expect(ends(-0.01, 1.01)).toBe("0–100");
});

test("money is as exact as its size deserves", () => {
  expect(money(4.8, "USD")).toBe("$4.80");
  expect(money(1992, "USD")).toBe("$1,992");
  expect(moneyAbout(211.2, "EUR")).toBe("€210");
});

test("time in the largest units that matter", () => {
  expect(span(9)).toBe("9\u00a0s");
  expect(span(1440)).toBe("24\u00a0min");
  expect(span(7500)).toBe("2\u00a0h 5\u00a0min");
  expect(ago(Date.now() * 1000)).toBe("now");
  expect(ago((Date.now() - 240_000) * 1000)).toBe("4 min ago");
});
