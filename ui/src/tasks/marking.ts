// The one way to reach the marks of a draft, whether they are the whole value or a part of it.
import type { Related } from "./begin";
import type { Draft } from "./draft.svelte";
import { withMark, type Span } from "./text_marks";

type Value = Span[] | Related;

export const spansOf = (value: Value): Span[] => (Array.isArray(value) ? value : value.spans);

/** The value with other marks; relations follow theirs, and go where one of them went. */
export function withSpans(value: Value, spans: Span[]): Value {
  if (Array.isArray(value)) return spans;
  const key = ({ start, end, label }: Span) => `${start} ${end} ${label}`;
  const place = new Map(spans.map((span, n) => [key(span), n]));
  const relations = value.relations.flatMap(({ from, to, label }) => {
    const [a, b] = [place.get(key(value.spans[from]!)), place.get(key(value.spans[to]!))];
    return a === undefined || b === undefined ? [] : [{ from: a, to: b, label }];
  });
  return { spans, relations };
}

/** Mark what is chosen; nothing is chosen: the class is armed, or disarmed, for what is chosen next. */
export function markOrArm(draft: Draft<Value>, classes: readonly string[], name: string, overlap: boolean): void {
  const at = classes.indexOf(name);
  if (!draft.range) {
    draft.armed = draft.armed === at ? -1 : at;
    return;
  }
  mark(draft, name, overlap);
}

export function mark(draft: Draft<Value>, label: string, overlap: boolean): void {
  if (!draft.range) return;
  const [start, end] = draft.range;
  draft.set(withSpans(draft.value, withMark(spansOf(draft.value), { start, end, label }, overlap)));
  draft.range = null;
  draft.selected = null;
}

export function removeSpan(draft: Draft<Value>, at: number): void {
  draft.set(withSpans(draft.value, spansOf(draft.value).filter((_, n) => n !== at)));
  draft.selected = null;
}

/** Say that a relation holds between the chosen mark and another; said again, it goes. */
export function relate(draft: Draft<Related>, to: number): void {
  const [from, label] = [draft.selected, draft.linking];
  draft.linking = null;
  if (from === null || label === null || from === to) return;
  const same = (r: Related["relations"][number]) => r.from === from && r.to === to && r.label === label;
  const { spans, relations } = draft.value;
  const there = relations.some(same);
  draft.set({ spans, relations: there ? relations.filter((r) => !same(r)) : [...relations, { from, to, label }] });
  draft.selected = null;
}
