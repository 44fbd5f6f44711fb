import { expect, test } from "vitest";
import { matches } from "../../src/label/matching";

const classes = ["Refund not showing up", "Request refund", "Reverted card payment", "Café visit"];
const names = (typed: string, definitions = {}) => matches(typed, classes, definitions).map((m) => m.name);

test("what begins with the text comes first, then what has a word that does", () => {
  expect(names("ref")).toEqual(["Refund not showing up", "Request refund"]);
});

test("a definition matches last", () => {
  expect(names("ref", { "Reverted card payment": "refunded by the shop" }).at(-1)).toBe("Reverted card payment");
});

test("every word must match; accents and case do not matter", () => {
  expect(names("card rev")).toEqual(["Reverted card payment"]);
  expect(names("CAFE")).toEqual(["Café visit"]);
});

test("marks say where", () => {
  expect(matches("ref", classes)[1]?.marks).toEqual([[8, 11]]);
});

test("nothing typed finds nothing", () => {
  expect(matches("  ", classes)).toEqual([]);
});
