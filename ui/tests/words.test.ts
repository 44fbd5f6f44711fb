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
  it("has every word of the kinds of label, and falls back to English elsewhere", () => {
    const german = filled<typeof en>(en, de);
    expect(paths(en.task).filter((path) => !paths(de.task).includes(path))).toEqual([]);
    expect(german.task.send).toBe("Senden");
    expect(german.label.digits[3]).toBe("drei");
    expect(german.projects).toEqual(en.projects);
  });
});
