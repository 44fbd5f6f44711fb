// The kinds of label: each has a twin here, under the word that the service uses for it.
import type { Component } from "svelte";
import SingleLabel from "./single_label.svelte";

/** What every twin is told. */
export interface Settings {
  classes: string[];
  definitions: Record<string, string>;
  /** The person has said "not sure" beforehand. */
  unsure: boolean;
  /** The answer just given: it stays lit while the next item is there already. */
  lit: unknown;
  /** What was answered before it was undone. */
  had: unknown;
  /** False while a sheet is open or nothing is shown: keys are not the twin's then. */
  active: boolean;
  /** Classes given last, the newest first. */
  recent: string[];
}

/** What every twin takes: `item` is null while there is none; `value` is the answer so far, where there is one. */
export interface Props {
  item: string | null;
  settings: Settings;
  value?: unknown;
  onChange: (value: unknown, extra: { unsure: boolean }) => void;
}

const twins: Record<string, Component<Props>> = { single_label: SingleLabel };

/** The twin of a task type; undefined when this version of the app does not know it. */
export function twin(task: string): Component<Props> | undefined {
  return twins[task];
}
