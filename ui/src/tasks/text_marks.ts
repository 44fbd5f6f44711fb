// Marks on a text. The service counts Unicode code points; the browser counts UTF-16 units: all the arithmetic is here.

export interface Span {
  start: number;
  end: number;
  label: string;
}

/** The text as code points: what offsets count. */
export const points = (text: string): string[] => Array.from(text);

/** How many code points there are before a place counted in UTF-16 units. */
export function pointsBefore(text: string, units: number): number {
  return points(text.slice(0, units)).length;
}

/** A stretch without the blanks at its ends; null where nothing is left. */
export function trimmed(letters: readonly string[], start: number, end: number): [number, number] | null {
  let [from, to] = [Math.min(start, end), Math.max(start, end)];
  while (from < to && /^\s$/u.test(letters[from]!)) from += 1;
  while (to > from && /^\s$/u.test(letters[to - 1]!)) to -= 1;
  return from < to ? [from, to] : null;
}

/** Where words begin and end, by the rules of the text's own language. */
export function words(text: string): [number, number][] {
  const found: [number, number][] = [];
  let at = 0;
  for (const { segment, isWordLike } of new Intl.Segmenter(undefined, { granularity: "word" }).segment(text)) {
    const length = points(segment).length;
    if (isWordLike) found.push([at, at + length]);
    at += length;
  }
  return found;
}

/** The word after the given stretch, or before it; stretched where asked. */
export function neighbour(
  all: readonly [number, number][],
  range: readonly [number, number] | null,
  step: 1 | -1,
  stretch: boolean,
): [number, number] | null {
  if (!all.length) return null;
  if (!range) return [...(step > 0 ? all[0]! : all.at(-1)!)];
  if (stretch) {
    if (step > 0) {
      const next = all.find(([, end]) => end > range[1]);
      return next ? [range[0], next[1]] : [...range];
    }
    const inside = all.filter(([, end]) => end < range[1] && end > range[0]);
    return inside.length ? [range[0], inside.at(-1)![1]] : [...range];
  }
  const next = step > 0 ? all.find(([start]) => start >= range[1]) : all.findLast(([, end]) => end <= range[0]);
  return next ? [...next] : [...range];
}

const order = (a: Span, b: Span) => a.start - b.start || b.end - a.end || (a.label < b.label ? -1 : 1);

/** The marks with one more. Where overlap is not allowed, those in its way give way; the same mark again goes. */
export function withMark(spans: readonly Span[], mark: Span, overlap: boolean): Span[] {
  const same = (other: Span) => other.start === mark.start && other.end === mark.end && other.label === mark.label;
  if (spans.some(same)) return spans.filter((other) => !same(other));
  const kept = overlap ? spans : spans.filter((other) => other.end <= mark.start || other.start >= mark.end);
  return [...kept, mark].sort(order);
}

export interface Node {
  /** Plain text, or a mark with what lies inside. */
  text?: string;
  at: number;
  mark?: number;
  chosen?: boolean;
  inside?: Node[];
  /** Whether the class is written behind this piece: the last of its mark. */
  last?: boolean;
}

/**
 * The text as pieces between all borders, each with the marks it lies in, the longest first. Marks that cross are cut
 * into pieces, so that nested elements can show them.
 */
export function pieces(
  letters: readonly string[],
  spans: readonly Span[],
  range: readonly [number, number] | null,
): { start: number; end: number; text: string; marks: number[]; ends: number[]; chosen: boolean }[] {
  const borders = new Set([0, letters.length]);
  for (const { start, end } of spans) borders.add(start).add(end);
  if (range) borders.add(range[0]).add(range[1]);
  const cuts = [...borders].filter((at) => at >= 0 && at <= letters.length).sort((a, b) => a - b);
  return cuts.slice(0, -1).map((start, k) => {
    const end = cuts[k + 1]!;
    const marks = spans.flatMap((span, n) => (span.start <= start && span.end >= end ? [n] : []));
    return {
      start,
      end,
      text: letters.slice(start, end).join(""),
      marks,
      ends: marks.filter((n) => spans[n]!.end === end),
      chosen: range !== null && range[0] <= start && range[1] >= end,
    };
  });
}
