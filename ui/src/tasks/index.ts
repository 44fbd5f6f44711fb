// The kinds of label: each has a twin here, under the word that the service uses for it.
import type { Component } from "svelte";
import type { Content } from "../api";
import BoxesDock from "./boxes.svelte";
import type { Beginning, Draft } from "./draft.svelte";
import ImageStage from "./image_stage.svelte";
import MarksPane from "./marks_pane.svelte";
import MultiLabel from "./multi_label.svelte";
import Numeric from "./numeric.svelte";
import PairStage from "./pair_stage.svelte";
import Pairwise from "./pairwise.svelte";
import Ranking from "./ranking.svelte";
import RankingStage from "./ranking_stage.svelte";
import Relations from "./relations.svelte";
import SingleLabel from "./single_label.svelte";
import Spans from "./spans.svelte";
import SpansStage from "./spans_stage.svelte";
import TextAnswer from "./text.svelte";
import * as begin from "./begin";

/** What every twin is told. */
export interface Settings {
  classes: string[];
  definitions: Record<string, string>;
  /** Those of the kind of label, as the project has them. */
  task: Record<string, unknown>;
  /** Letters that this person gave to classes. */
  letters: Record<string, string>;
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
  /** Classes that stand first where there are more than keys: the model's likeliest where its guess is shown, else those given most. */
  likely: string[];
  /** Whether `likely` is the model's. */
  guessed: boolean;
}

/** What every twin takes: `item` is null while there is none; `value` is the answer so far, where there is one. */
export interface Props {
  item: string | null;
  settings: Settings;
  value?: unknown;
  /** The answer in the making, for kinds that have one; null while there is no item. */
  draft?: Draft<any> | null;
  onChange: (value: unknown, extra: { unsure: boolean }) => void;
}

/** What stands in the place of the item where people work on the item itself. */
export interface StageProps {
  content: Content;
  settings: Settings;
  draft: Draft<any>;
  onChange: Props["onChange"];
}

export interface Twin {
  Dock: Component<Props>;
  Stage?: Component<StageProps>;
  /** A list beside the item. */
  Pane?: Component<{ draft: Draft<any>; settings: Settings }>;
  /** The value that an answer begins with. */
  begin?: (given: Beginning) => unknown;
  /** The class that is armed at first; −1: none. */
  armed?: number;
}

const twins: Record<string, Twin> = {
  single_label: { Dock: SingleLabel },
  multi_label: { Dock: MultiLabel, begin: begin.labels },
  numeric: { Dock: Numeric, begin: begin.number },
  pairwise: { Dock: Pairwise, Stage: PairStage, begin: begin.pair },
  ranking: { Dock: Ranking, Stage: RankingStage, begin: begin.order },
  spans: { Dock: Spans, Stage: SpansStage, Pane: MarksPane, begin: begin.marks, armed: -1 },
  relations: { Dock: Relations, Stage: SpansStage, Pane: MarksPane, begin: begin.related, armed: -1 },
  boxes: { Dock: BoxesDock, Stage: ImageStage, Pane: MarksPane, begin: begin.marks },
  polygons: { Dock: BoxesDock, Stage: ImageStage, Pane: MarksPane, begin: begin.marks },
  text: { Dock: TextAnswer, begin: begin.text },
};

/** The twin of a task type; undefined when this version of the app does not know it. */
export function twin(task: string): Twin | undefined {
  return twins[task];
}
