// How an answer reads in the trail and in sentences.
import type { AnswerForm } from "../api";
import { words } from "../words";

export function shown(given: { outcome: AnswerForm["outcome"]; value: unknown }): string {
  if (given.outcome === "skipped") return words.label.skipped;
  if (given.outcome === "unanswerable") return words.label.unanswerable;
  const value = String(given.value);
  return /^[0-9]$/.test(value) ? words.label.digits[Number(value)]! : value;
}
