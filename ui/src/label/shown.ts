// How an answer reads in the trail and in sentences.
import type { AnswerForm } from "../api";
import { words } from "../words";

export function shown(given: { outcome: AnswerForm["outcome"]; value: unknown }): string {
  if (given.outcome === "skipped") return words.label.skipped;
  if (given.outcome === "unanswerable") return words.label.unanswerable;
  return said(given.value);
}

/** A value in a few words, by its shape: names, numbers, marks, boxes. */
function said(value: unknown): string {
  if (Array.isArray(value)) {
    if (!value.length) return words.none;
    const first: unknown = value[0];
    if (typeof first !== "object" || first === null) return value.join(", ");
    if ("points" in first) return words.task.outlines(value.length);
    return "width" in first ? words.task.boxes(value.length) : words.task.marks(value.length);
  }
  if (typeof value === "object" && value !== null && "spans" in value) return said((value as { spans: unknown }).spans);
  const text = String(value);
  return words.task.pairs[text] ?? (/^[0-9]$/.test(text) ? words.label.digits[Number(text)]! : text);
}
