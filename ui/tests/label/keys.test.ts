import { expect, test } from "vitest";
import { digitOf, keysOf, recentOf, verbOf, type Press } from "../../src/label/keys";

const press = (more: Partial<Press>): Press => ({
  key: "", code: "", shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, repeat: false, ...more,
});

test("digits go by the physical key: a French keyboard prints & on the 1", () => {
  expect(digitOf(press({ key: "&", code: "Digit1" }))).toBe("1");
  expect(digitOf(press({ key: "5", code: "Numpad5" }))).toBe("5");
  expect(digitOf(press({ key: "q", code: "KeyQ" }))).toBeNull();
});

test("letters go by the character: on AZERTY the key of Z gives W", () => {
  expect(verbOf(press({ key: "w", code: "KeyZ" }))).toBe("why");
  expect(verbOf(press({ key: "G", code: "KeyG", shiftKey: true }))).toBe("guidelines");
});

test("the browser's own shortcuts and held keys are left alone", () => {
  expect(verbOf(press({ key: "f", code: "KeyF", ctrlKey: true }))).toBeNull();
  expect(verbOf(press({ key: "Backspace", repeat: true }))).toBeNull();
});

test("classes named by digits keep them, others count from 1, and ten is the most", () => {
  expect(keysOf(["0", "1", "2"])).toEqual(["0", "1", "2"]);
  expect(keysOf(["ham", "spam"])).toEqual(["1", "2"]);
  expect(keysOf(Array.from({ length: 10 }, (_, i) => `c${i}`))?.at(-1)).toBe("0");
  expect(keysOf(Array.from({ length: 11 }, (_, i) => `c${i}`))).toBeNull();
});

test("recent classes: option and a letter, whatever character that gives", () => {
  expect(recentOf(press({ key: "œ", code: "KeyQ", altKey: true }))).toBe(0);
  expect(recentOf(press({ key: "q", code: "KeyQ" }))).toBeNull();
});
