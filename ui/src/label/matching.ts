// Finding one of many classes by typing: name first, definition second, accents and case aside.

export interface Match {
  name: string;
  /** Where the name matches: [from, to); empty when only the definition does. */
  marks: [number, number][];
  rank: number;
}

const fold = (text: string): string => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/** Classes that match every word typed, the likeliest first: begins with it, a word begins with it, holds it. */
export function matches(typed: string, classes: readonly string[], definitions: Record<string, string> = {}): Match[] {
  const words = fold(typed).split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  return classes
    .flatMap((name) => match(name, definitions[name] ?? "", words) ?? [])
    .sort((a, b) => a.rank - b.rank || a.name.length - b.name.length);
}

function match(name: string, definition: string, words: string[]): Match | null {
  const folded = fold(name);
  const marks: [number, number][] = [];
  let rank = 0;
  for (const word of words) {
    const at = folded.indexOf(word);
    const begins = folded.startsWith(word) ? 0 : folded.includes(` ${word}`) ? 1 : at >= 0 ? 2 : null;
    if (begins === null) {
      if (!fold(definition).includes(word)) return null;
      rank = Math.max(rank, 3);
      continue;
    }
    rank = Math.max(rank, begins);
    const from = begins === 1 ? folded.indexOf(` ${word}`) + 1 : at;
    if (folded.length === name.length) marks.push([from, from + word.length]);
  }
  return { name, marks: marks.sort((a, b) => a[0] - b[0]), rank };
}
