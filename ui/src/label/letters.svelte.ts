// Letters that a person gave to classes on this device, beside the digits. A letter that is taken is refused where it
// is given.
import { verbs, type Verb } from "./keys";

/** Letters that mean something else on some labelling screen, whatever the project. */
export const taken: Readonly<Record<string, Verb | "nothing" | "image">> = {
  ...Object.fromEntries(
    (Object.keys(verbs) as Verb[]).flatMap((verb) => (/^[A-Z]$/.test(verbs[verb].cap) ? [[verbs[verb].cap, verb]] : [])),
  ),
  N: "nothing",
  ...Object.fromEntries(["A", "B", "H", "P", "V", "X", "Z"].map((letter) => [letter, "image"])),
};

export type Refused = { letter: string; by: string } | "no letter";

/** The letters with one more; or why not. An empty letter takes the class's letter away. */
export function assigned(
  letters: Readonly<Record<string, string>>,
  name: string,
  given: string,
): { letters: Record<string, string> } | { refused: Refused } {
  const { [name]: _, ...others } = letters;
  const letter = given.trim().toUpperCase();
  if (!letter) return { letters: others };
  if (!/^\p{L}$/u.test(letter)) return { refused: "no letter" };
  const by = taken[letter] ?? Object.keys(others).find((other) => others[other] === letter);
  return by === undefined ? { letters: { ...others, [name]: letter } } : { refused: { letter, by } };
}

class Letters {
  value: Record<string, string> = $state.raw({});
  constructor(private readonly key: string) {
    const kept = localStorage.getItem(key);
    if (kept) this.value = JSON.parse(kept) as Record<string, string>;
  }
  /** Give a class a letter; returns why it was refused, if it was. */
  give(name: string, letter: string): Refused | null {
    const done = assigned(this.value, name, letter);
    if ("refused" in done) return done.refused;
    this.value = done.letters;
    localStorage.setItem(this.key, JSON.stringify(this.value));
    return null;
  }
}

const known = new Map<string, Letters>();

/** The letters of a project on this device. */
export function letters(project: string): Letters {
  const there = known.get(project) ?? new Letters(`letters ${project}`);
  known.set(project, there);
  return there;
}
