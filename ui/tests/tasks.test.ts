import { describe, expect, it } from "vitest";
import { assigned } from "../src/label/letters.svelte";
import { order, pair } from "../src/tasks/begin";
import { chance } from "../src/tasks/draft.svelte";
import { between, drawn, insideOf, resized, shifted, whole, zoomed } from "../src/tasks/image_view";
import { withSpans } from "../src/tasks/marking";
import { neighbour, pieces, points, pointsBefore, trimmed, withMark, words } from "../src/tasks/text_marks";

const text = "Ein 😀 cafe\u0301 نص عربي";

describe("marks on a text", () => {
  it("counts code points where the browser counts units", () => {
    const at = text.indexOf("cafe");
    expect(at).toBe(7);
    expect(pointsBefore(text, at)).toBe(6);
    expect(points(text).slice(6, 11).join("")).toBe("cafe\u0301");
  });
  it("chooses words, also where they are written from right to left", () => {
    const found = words(text).map(([start, end]) => points(text).slice(start, end).join(""));
    expect(found).toEqual(["Ein", "cafe\u0301", "نص", "عربي"]);
  });
  it("moves and stretches word by word", () => {
    const all = words("one two three");
    expect(neighbour(all, null, 1, false)).toEqual([0, 3]);
    expect(neighbour(all, [0, 3], 1, true)).toEqual([0, 7]);
    expect(neighbour(all, [0, 7], -1, true)).toEqual([0, 3]);
    expect(neighbour(all, [8, 13], 1, false)).toEqual([8, 13]);
  });
  it("leaves blanks out", () => {
    expect(trimmed(points("  a b "), 6, 0)).toEqual([2, 5]);
    expect(trimmed(points("   "), 0, 3)).toBeNull();
  });
  it("gives way, or overlaps where that is allowed, and takes off what is there", () => {
    const a = { start: 0, end: 5, label: "x" };
    const b = { start: 2, end: 4, label: "y" };
    expect(withMark([a], b, false)).toEqual([b]);
    expect(withMark([a], b, true)).toEqual([a, b]);
    expect(withMark([a, b], b, true)).toEqual([a]);
  });
  it("cuts the text at every border, and loses none of it", () => {
    const shown = pieces(points(text), [{ start: 0, end: 5, label: "x" }, { start: 4, end: 11, label: "y" }], [2, 3]);
    expect(shown.map((p) => p.text).join("")).toBe(text);
    expect(shown.map((p) => p.marks)).toEqual([[0], [0], [0], [0, 1], [1], []]);
    expect(shown.filter((p) => p.chosen).map((p) => p.text)).toEqual(["n"]);
  });
  it("keeps relations with their marks, and drops those of a mark that went", () => {
    const spans = [0, 2, 4].map((start) => ({ start, end: start + 1, label: "a" }));
    const value = { spans, relations: [{ from: 0, to: 2, label: "of" }, { from: 1, to: 2, label: "of" }] };
    expect(withSpans(value, [spans[1]!, spans[2]!])).toEqual({
      spans: [spans[1], spans[2]],
      relations: [{ from: 0, to: 1, label: "of" }],
    });
  });
});

describe("shapes on an image", () => {
  const size: [number, number] = [100, 50];
  const box = { label: "a", x: 10, y: 10, width: 20, height: 20 };

  it("stay within the image, whatever the hand does", () => {
    expect(between([90, 40], [130, -9], size, "a")).toEqual({ label: "a", x: 90, y: 0, width: 10, height: 40 });
    expect(shifted(box, -99, 99, size)).toMatchObject({ x: 0, y: 30, width: 20, height: 20 });
    expect(resized(box, -99, 999, size)).toMatchObject({ width: 1, height: 40 });
  });
  it("turn inside out when a corner is drawn across", () => {
    expect(drawn(box, [1, 1], [5, 5], size)).toMatchObject({ x: 5, y: 5, width: 5, height: 5 });
  });
  it("know what lies inside", () => {
    const corner = { label: "a", points: [[0, 0], [10, 0], [0, 10]] as [number, number][] };
    expect([insideOf(corner, [2, 2]), insideOf(corner, [9, 9])]).toEqual([true, false]);
  });
  it("are seen closer around a point that stays, and never from beyond the edge", () => {
    const view = zoomed(whole(...size), size, 2, [0, 0]);
    expect(view).toEqual({ x: 0, y: 0, width: 50, height: 25 });
    expect(zoomed(view, size, 0.01, [50, 25])).toEqual(whole(...size));
    expect(zoomed(view, size, 1000, [0, 0]).width).toBe(100 / 16);
  });
});

describe("what comes first", () => {
  const given = (item: string) => ({
    item, person: "p", classes: [], settings: {}, given: null, content: { kind: "row", value: { fields: { A: 1, B: 2, C: "" } } },
  });
  it("is by lot, even, and the same at each visit", () => {
    const draws = Array.from({ length: 400 }, (_, n) => pair(given(String(n))).swapped);
    expect(draws.filter(Boolean).length).toBeGreaterThan(150);
    expect(draws.filter(Boolean).length).toBeLessThan(250);
    expect(pair(given("7"))).toEqual(pair(given("7")));
    expect(chance("a", "b")).not.toBe(chance("ab"));
  });
  it("leaves empty entries out", () => {
    expect([...order(given("1"))].sort()).toEqual(["A", "B"]);
  });
});

describe("letters of one's own", () => {
  it("are taken, given back, and refused where they mean something else", () => {
    const one = assigned({}, "refund", "r");
    expect(one).toEqual({ letters: { refund: "R" } });
    expect(assigned({ refund: "R" }, "reply", "R")).toEqual({ refused: { letter: "R", by: "refund" } });
    expect(assigned({}, "why", "w")).toEqual({ refused: { letter: "W", by: "why" } });
    expect(assigned({}, "x", "4")).toEqual({ refused: "no letter" });
    expect(assigned({ refund: "R" }, "refund", "")).toEqual({ letters: {} });
  });
});
