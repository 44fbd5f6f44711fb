// Numbers to places on a chart, and the few lines of text that stand on it.

export type Scale = (x: number) => number;

export function linear(from: number, to: number, left: number, right: number): Scale {
  const span = to - from || 1;
  return (x) => left + ((x - from) / span) * (right - left);
}

/** Round numbers from `from` to `to`, about `wanted` of them, steps of 1, 2 or 5 × 10ⁿ. */
export function ticks(from: number, to: number, wanted: number): number[] {
  if (!(to > from) || wanted < 1) return [from];
  const rough = (to - from) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((m) => rough <= m * power * 1.0001) ?? 10);
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** The part of 0 … 1 worth showing: whole tenths around what is drawn, and never a sliver. */
export function shareRange(lows: number[], highs: number[]): [number, number] {
  const low = Math.min(1, ...lows);
  const high = Math.max(0, ...highs);
  const from = Math.max(0, Math.floor(low * 10 + 1e-9) / 10);
  const to = Math.min(1, Math.ceil(high * 10 - 1e-9) / 10);
  return to - from >= 0.3 ? [from, to] : [Math.max(0, Math.min(from, to - 0.3)), Math.max(to, 0.3)];
}

const at = (n: number) => n.toFixed(1);

export function path(points: readonly (readonly [number, number])[]): string {
  return points.map(([x, y], i) => `${i ? "L" : "M"}${at(x)} ${at(y)}`).join("");
}

/** The area between two lines over the same x. */
export function area(x: number[], top: number[], bottom: number[]): string {
  const there = x.map((v, i) => [v, top[i]!] as const);
  const back = x.map((v, i) => [v, bottom[i]!] as const).reverse();
  return `${path([...there, ...back])}Z`;
}

/** The value of a line at x, between its points. */
export function valueAt(points: readonly { labels: number; value: number }[], x: number): number | null {
  const after = points.findIndex(({ labels }) => labels >= x);
  if (after < 0) return null;
  const b = points[after]!;
  if (after === 0) return b.labels === x ? b.value : null;
  const a = points[after - 1]!;
  return a.value + ((b.value - a.value) * (x - a.labels)) / (b.labels - a.labels);
}

/** Break a sentence into lines of at most so many characters. */
export function wrap(text: string, most: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length + 1 <= most) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
