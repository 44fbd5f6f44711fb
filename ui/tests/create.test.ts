import { describe, expect, it } from "vitest";
import type { Inspection, Kind } from "../src/api";
import { body, empty, kinds, missing, settingsOf, suggested } from "../src/create/form";

const column = (name: string) => ({ name, kind: "text" as const, distinct: 9, missing: 0, examples: [] });
const file = (item: Inspection["item"], columns: string[], more: Partial<Inspection> = {}): Inspection => ({
  upload: "u",
  filename: "a.csv",
  rows: 9,
  duplicates: 0,
  rejected: [],
  rejected_count: 0,
  columns: columns.map(column),
  preview: [],
  item,
  text: null,
  image: null,
  audio: null,
  label: null,
  id: null,
  labels: [],
  kinds: kinds.map((task) => ({ task, fits: true, learns: true })),
  ...more,
});
const texts = file("text", ["asked", "a", "b"], { text: "asked" });
const of = (task: Kind, more = {}) => ({ ...suggested(texts, empty), task, ...more });

describe("a new project", () => {
  it("names what each kind of label still lacks", () => {
    expect(missing(empty, null)).toBe("file");
    expect(kinds.map((task) => missing(of(task), texts))).toEqual([
      "classes", "classes", "range", "class", "class", null, null, "class", "class", null,
    ]);
    expect(missing(of("relations", { classes: ["drug"] }), texts)).toBe("relations");
    expect(missing(of("numeric", { low: 3, high: 3 }), texts)).toBe("range");
    expect(missing(of("pairwise", { second: "a" }), texts)).toBe("pair");
    expect(missing(of("ranking", { entries: ["a"] }), texts)).toBe("entries");
    expect(missing(of("spans", { text: "" }), texts)).toBe("column");
  });
  it("needs no classes and no range where known labels bring them", () => {
    expect(missing(of("single_label", { label: "b" }), texts)).toBeNull();
    expect(missing(of("single_label", { label: "b", classes: ["one"] }), texts)).toBe("classes");
    expect(missing(of("numeric", { label: "b" }), texts)).toBeNull();
  });
  it("sends columns and settings that belong to the kind, and no others", () => {
    const pair = body(of("pairwise", { tie: false, unit: "kg", classes: ["x"] }), texts);
    expect(pair).toMatchObject({ pair: ["a", "b"], text: "asked", columns: [], classes: [], settings: { tie: false } });
    expect(body(of("ranking"), texts)).toMatchObject({ pair: [], columns: ["a", "b"], text: null });
    expect(settingsOf(of("numeric", { low: 0, high: 80, unit: "MPa" }))).toEqual({ low: 0, high: 80, unit: "MPa" });
    expect(settingsOf(of("boxes", { same: 60 }))).toEqual({ same: 0.6 });
  });
  it("guesses which two columns are compared", () => {
    const [first, second] = [["reply_a", "reply_b"], ["chosen", "rejected"]].map((two) => suggested(file("text", ["asked", ...two, "n"]), empty));
    expect([first?.first, first?.second, second?.first, second?.second]).toEqual(["reply_a", "reply_b", "chosen", "rejected"]);
  });
  it("takes pictures as files, and leaves a kind that does not fit", () => {
    const pictures = file("image", ["f"], {
      image: "f",
      kinds: kinds.map((task) => ({ task, fits: ["boxes", "single_label"].includes(task), learns: true })),
    });
    const form = suggested(pictures, { ...empty, task: "spans" });
    expect(form.task).toBe("single_label");
    expect(body({ ...form, task: "boxes", text: "left over" }, pictures)).toMatchObject({ image: "f", text: null });
  });
});
