// Recomputes the contrast of every pair of colours that the pages put on one another. A new colour joins here.
import { expect, test } from "vitest";
import css from "../src/styles/tokens.css?raw";

const colours = new Map(
  [...css.matchAll(/--([\w-]+):\s*light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)].map(
    ([, name, light, dark]) => [name!, { light: light!, dark: dark! }] as const,
  ),
);

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const c = parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}
function contrast(a: string, b: string): number {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high! + 0.05) / (low! + 0.05);
}

const grounds = ["page", "surface", "raised"];
const text = ["ink", "ink-2", "ink-3", "active", "good", "warn", "bad"];
const marks = ["line-control", "series-0", "series-1", "series-2", "series-3", "series-4", "series-5"];
const soft = ["active", "good", "warn", "bad"].map((name) => [name, `${name}-soft`] as const);
const pairs: (readonly [string, string, number])[] = [
  ...text.flatMap((name) => grounds.map((ground) => [name, ground, 4.5] as const)),
  ...["ink", "ink-2"].map((name) => [name, "sunken", 4.5] as const),
  ...["ink", "ink-2"].map((name) => [name, "hover", 4.5] as const),
  ["on-ink", "ink", 4.5],
  ["ink-2", "active-soft", 4.5],
  ...soft.map(([name, ground]) => [name, ground, 4.5] as const),
  ...marks.flatMap((name) => ["page", "surface"].map((ground) => [name, ground, 3] as const)),
];

test.each(pairs)("%s on %s is at least %d : 1 in both themes", (name, ground, least) => {
  for (const theme of ["light", "dark"] as const) {
    const [a, b] = [colours.get(name)?.[theme], colours.get(ground)?.[theme]];
    expect(a, `--${name}`).toBeDefined();
    expect(b, `--${ground}`).toBeDefined();
    expect(contrast(a!, b!), theme).toBeGreaterThanOrEqual(least);
  }
});

test("black on white is 21 : 1", () => expect(contrast("#000000", "#ffffff")).toBeCloseTo(21));
