/** A catalogue that may lack words. */
export type Part<T> = T extends (...given: infer Given) => string
  ? (...given: Given) => string
  : T extends (...given: never[]) => unknown
  ? T
  : T extends readonly string[]
    ? readonly string[]
    : T extends object
      ? { readonly [K in keyof T]?: Part<T[K]> }
      : T;

/** The words of a catalogue, with those of another where it lacks one. */
export function filled<T>(whole: T, part: Part<T>): T {
  if (typeof whole !== "object" || whole === null || Array.isArray(whole)) return part as T;
  const given = part as Record<string, unknown>;
  const entries = Object.entries(whole as Record<string, unknown>);
  return Object.fromEntries(
    entries.map(([name, own]) => [name, given[name] === undefined ? own : filled(own, given[name] as never)]),
  ) as T;
}
