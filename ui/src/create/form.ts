// What a new project is made of, before there is a page for it: which questions each kind of label asks, and what is
// still missing.
import type { Inspection, Kind, ProjectCreate } from "../api";

/** The kinds of label, the most used first. */
export const kinds: readonly Kind[] = [
  "single_label",
  "multi_label",
  "numeric",
  "spans",
  "boxes",
  "pairwise",
  "ranking",
  "polygons",
  "relations",
  "text",
];

/** What an item is made of, as a page has to ask for it: one column or the whole row, one column, two, several, none. */
export type Source = "text or row" | "text" | "pair" | "entries" | "files";

/** Kinds whose answers name classes. */
const classed = new Set<Kind>(["single_label", "multi_label", "spans", "relations", "boxes", "polygons"]);

export interface Form {
  task: Kind;
  text: string;
  label: string;
  id: string;
  first: string;
  second: string;
  prompt: string;
  entries: string[];
  classes: string[];
  relations: string[];
  low: number | null;
  high: number | null;
  unit: string;
  step: number | null;
  tolerance: number | null;
  tie: boolean;
  bad: boolean;
  overlap: boolean;
  same: number;
  atLeast: number | null;
  atMost: number | null;
  start: "item" | "empty";
  most: number | null;
}

export const empty: Form = {
  task: "single_label",
  text: "",
  label: "",
  id: "",
  first: "",
  second: "",
  prompt: "",
  entries: [],
  classes: [],
  relations: [],
  low: null,
  high: null,
  unit: "",
  step: null,
  tolerance: null,
  tie: true,
  bad: true,
  overlap: false,
  same: 50,
  atLeast: null,
  atMost: null,
  start: "item",
  most: null,
};

export const hasClasses = (task: Kind): boolean => classed.has(task);

export const fits = (task: Kind, found: Inspection | null): boolean =>
  found?.kinds.find((kind) => kind.task === task)?.fits ?? true;

export const learns = (task: Kind, found: Inspection | null): boolean =>
  found?.kinds.find((kind) => kind.task === task)?.learns ?? true;

export function sourceOf(task: Kind, found: Inspection): Source {
  if (found.item === "image" || found.item === "audio") return "files";
  if (task === "pairwise") return "pair";
  if (task === "ranking") return "entries";
  return task === "spans" || task === "relations" ? "text" : "text or row";
}

/** The form as a file suggests it. */
export function suggested(found: Inspection, form: Form): Form {
  const others = found.columns.filter(({ name }) => name !== found.label && name !== found.id).map(({ name }) => name);
  const [first, second] = pairIn(others);
  const wordy = new Set(found.columns.filter(({ kind }) => kind !== "number" && kind !== "date").map(({ name }) => name));
  const rest = others.filter((name) => name !== found.text);
  return {
    ...form,
    task: fits(form.task, found) ? form.task : "single_label",
    text: found.text ?? "",
    label: found.label ?? "",
    id: found.id ?? "",
    first: first ?? "",
    second: second ?? "",
    prompt: others.find((name) => name !== first && name !== second && wordy.has(name)) ?? "",
    entries: rest.length > 1 ? rest : others,
    classes: [...found.labels],
  };
}

const stem = (name: string): string => name.toLowerCase().replace(/[\W_]*(a|b|\d|first|second|left|right|chosen|rejected)$/, "");

/** Two columns whose names differ by a letter or number at their end, or the last two. */
function pairIn(names: readonly string[]): readonly (string | undefined)[] {
  for (const [at, name] of names.entries()) {
    const kin = names.slice(at + 1).find((other) => stem(other) === stem(name));
    if (kin !== undefined && stem(name) !== name.toLowerCase()) return [name, kin];
  }
  return names.slice(-2);
}

/** What a column is for, as the form stands: a word for its head in the preview; null where it has no role. */
export function roleOf(column: string, form: Form, found: Inspection): "text" | "label" | "first" | "second" | null {
  const source = sourceOf(form.task, found);
  if (column === form.label) return "label";
  if (source === "pair" && column === form.first) return "first";
  if (source === "pair" && column === form.second) return "second";
  if (source === "pair") return column === form.prompt ? "text" : null;
  const read = source === "entries" ? form.entries.includes(column) : source !== "files" && column === form.text;
  return read ? "text" : null;
}

export type Missing = "file" | "classes" | "class" | "relations" | "range" | "column" | "pair" | "entries";

/** The first thing that is missing, in the order of the page; null when the project can be made. */
export function missing(form: Form, found: Inspection | null): Missing | null {
  if (!found) return "file";
  const source = sourceOf(form.task, found);
  if (source === "text" && !form.text) return "column";
  if (source === "pair" && (!form.first || !form.second || form.first === form.second)) return "pair";
  if (source === "entries" && form.entries.length < 2) return "entries";
  const wanted = ["single_label", "multi_label"].includes(form.task) ? 2 : 1;
  if (hasClasses(form.task) && form.classes.length < wanted && !(form.label && !form.classes.length))
    return wanted === 2 ? "classes" : "class";
  if (form.task === "relations" && !form.relations.length) return "relations";
  if (form.task === "numeric" && !form.label && (form.low == null || form.high == null || form.low >= form.high))
    return "range";
  return null;
}

/** The settings of the kind of label: those that differ from what it does by itself. */
export function settingsOf(form: Form): NonNullable<ProjectCreate["settings"]> {
  const given: Partial<Record<Kind, Record<string, unknown>>> = {
    multi_label: { at_least: form.atLeast, at_most: form.atMost },
    numeric: { low: form.low, high: form.high, unit: form.unit || null, step: form.step, tolerance: form.tolerance },
    pairwise: { tie: form.tie ? null : false, bad: form.bad ? null : false },
    spans: { overlap: form.overlap || null },
    relations: { relations: form.relations, overlap: form.overlap || null },
    boxes: { same: form.same === empty.same ? null : form.same / 100 },
    polygons: { same: form.same === empty.same ? null : form.same / 100 },
    text: { start: form.start === "item" ? null : form.start, most: form.most },
  };
  const own = Object.entries(given[form.task] ?? {}).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(own) as NonNullable<ProjectCreate["settings"]>;
}

/** The part of the request that says what an item and a label are. */
export function body(form: Form, found: Inspection): Partial<ProjectCreate> {
  const source = sourceOf(form.task, found);
  const files = source === "files";
  return {
    upload: found.upload,
    task: form.task,
    settings: settingsOf(form),
    classes: hasClasses(form.task) ? form.classes : [],
    text: files || source === "entries" ? null : (source === "pair" ? form.prompt : form.text) || null,
    image: found.image ?? null,
    audio: found.audio ?? null,
    pair: source === "pair" ? [form.first, form.second] : [],
    columns: source === "entries" ? form.entries : [],
    label: form.label || null,
    id: form.id || null,
  };
}
