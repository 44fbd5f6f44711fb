import { describe, expect, it } from "vitest";
import { de } from "../src/words/de";
import { en } from "../src/words/en";
import { filled } from "../src/words/filled";

/** Every path to a word of a catalogue. */
function paths(value: unknown, at = ""): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [at];
  return Object.entries(value).flatMap(([name, inner]) => paths(inner, `${at}.${name}`));
}

describe("a second language", () => {
  it("has no word that English lacks", () => {
    const known = new Set(paths(en));
    expect(paths(de).filter((path) => !known.has(path) && !path.startsWith(".keys.uses") && !path.startsWith(".task.pairs"))).toEqual([]);
  });
  it("has every word", () => {
    const there = new Set(paths(de));
    expect(paths(en).filter((path) => !there.has(path))).toEqual([]);
  });
  it("says the same things: each phrase takes what the English one takes", () => {
    const differing = paths(en).filter((path) => {
      const at = (words: unknown) => path.slice(1).split(".").reduce((node, name) => (node as Record<string, unknown>)[name], words);
      return typeof at(en) !== typeof at(de);
    });
    expect(differing).toEqual([]);
  });
  it("falls back to English where a word is missing", () => {
    const german = filled<typeof en>(en, { ...de, projects: {} });
    expect(german.task.send).toBe("Senden");
    expect(german.label.digits[3]).toBe("drei");
    expect(german.projects).toEqual(en.projects);
  });
});
