// The one map of keys: screens, the `?` sheet and the tests are made from it.

/** What a key press means on every labelling screen; a task type's own keys come on top. */
export type Verb = "undo" | "skip" | "cannot" | "ask" | "alike" | "guidelines" | "why" | "keys";

export const verbs: Readonly<Record<Verb, { cap: string; aria: string }>> = {
  undo: { cap: "⌫", aria: "Backspace" },
  skip: { cap: "Space", aria: "Space" },
  cannot: { cap: "F", aria: "F" },
  ask: { cap: "Q", aria: "Q" },
  alike: { cap: "M", aria: "M" },
  guidelines: { cap: "G", aria: "G" },
  why: { cap: "W", aria: "W" },
  keys: { cap: "?", aria: "?" },
};

export type Press = Pick<
  KeyboardEvent,
  "key" | "code" | "shiftKey" | "ctrlKey" | "metaKey" | "altKey" | "repeat"
>;

/** The digit of a physical key, so that digits work on keyboards that print something else there. */
export function digitOf(press: Pick<Press, "code">): string | null {
  return /^(?:Digit|Numpad)([0-9])$/.exec(press.code)?.[1] ?? null;
}

/** The letter of a key by its character, whatever the layout; null for anything that is not one letter. */
export function letterOf(press: Pick<Press, "key">): string | null {
  return /^\p{L}$/u.test(press.key) ? press.key.toUpperCase() : null;
}

export function verbOf(press: Press): Verb | null {
  if (press.ctrlKey || press.metaKey || press.altKey || press.repeat) return null;
  if (press.key === "Backspace") return "undo";
  if (press.key === " ") return "skip";
  if (press.key === "?") return "keys";
  switch (letterOf(press)) {
    case "F":
      return "cannot";
    case "Q":
      return "ask";
    case "M":
      return "alike";
    case "G":
      return "guidelines";
    case "W":
      return "why";
    default:
      return null;
  }
}

/** Whether keys belong to a field that the person is typing into. */
export function typingInto(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches("textarea, select, input:not([type=checkbox], [type=radio])"))
  );
}

const row = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"];

/**
 * The key of each class, in their order: a class that is called by a digit has that digit, the others 1 … 9 0.
 * Null when there are more classes than keys: then people search.
 */
export function keysOf(classes: readonly string[]): string[] | null {
  if (classes.length > row.length) return null;
  if (classes.every((name) => /^[0-9]$/.test(name))) return [...classes];
  return row.slice(0, classes.length);
}

/** Letters for the classes used last; `⌥` + letter, by physical key, since `⌥` changes the character on some systems. */
export const recentKeys = ["Q", "W", "E", "R", "T"] as const;

export function recentOf(press: Press): number | null {
  if (!press.altKey || press.ctrlKey || press.metaKey) return null;
  const at = recentKeys.findIndex((letter) => press.code === `Key${letter}`);
  return at < 0 ? null : at;
}
