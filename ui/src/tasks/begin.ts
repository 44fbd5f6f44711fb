// What an answer begins with: what was answered before, else the least that can be said.
import { chance, type Beginning } from "./draft.svelte";
import type { Span } from "./text_marks";

export const labels = ({ given }: Beginning): string[] => (Array.isArray(given) ? (given as string[]) : []);

export const number = ({ given }: Beginning): string => (given === null || given === undefined ? "" : String(given));

export const text = ({ given, content, settings }: Beginning): string =>
  typeof given === "string" ? given : settings.start === "empty" ? "" : String(content.value.text ?? "");

export const marks = ({ given }: Beginning): unknown[] => (Array.isArray(given) ? given : []);

export interface Related {
  spans: Span[];
  relations: { from: number; to: number; label: string }[];
}
export const related = ({ given }: Beginning): Related => (given as Related | null) ?? { spans: [], relations: [] };

/** Whether the second of a pair stands first: half of the time, and always the same for one person and item. */
export const pair = ({ item, person }: Beginning): { swapped: boolean } => ({ swapped: chance(person, item) < 0.5 });

/** The entries in an order of their own for each person, so that what stands on top is no hint. */
export function order({ item, person, content, given }: Beginning): string[] {
  if (Array.isArray(given)) return given as string[];
  return entries(content).sort((a, b) => chance(person, item, a) - chance(person, item, b));
}

export function entries({ kind, value }: Beginning["content"]): string[] {
  if (kind === "pair") return ["first", "second"];
  const fields = Object.entries((value.fields ?? {}) as Record<string, unknown>);
  return fields.flatMap(([name, cell]) => (cell === null || cell === undefined || cell === "" ? [] : [name]));
}
