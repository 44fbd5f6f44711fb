// The labelling screen's state, without the screen: what is shown, what comes next, what has been answered and is on
// its way. A person never waits for the service: the next items are here before they are needed, and an answer moves
// on at once. Pages draw `state` and call the verbs; tests do the same without a page.
import { Refusal, type AnswerForm, type Fault, type LeaseReply, type Lesson, type NextReply, type Task, type Waiting } from "../api";
import type { Attention } from "./attention";
import { Outbox, type Entry, type Link, type Listener, type Owner, type Storage, type Wire } from "./outbox";

/** Items in hand, the one in view included. */
export const hold = 5;
const lowWater = 3;
const mostAsked = 20;
const renewEvery = 180_000;
const awayAfter = 300_000;

export interface Given {
  key: string;
  task: Task;
  outcome: AnswerForm["outcome"];
  value: unknown;
  unsure: boolean;
  reason: string | null;
  /** Its place in the ledger, once it has one. */
  seq: number | null;
  /** Which answers were given at a stroke; null for one by itself. */
  group: string | null;
}

export interface TrailEntry extends Given {
  sent: boolean;
}

/** In training: what somebody has just answered, and what the answer is. */
export interface Taught {
  given: Given;
  lesson: Lesson;
}

export interface State {
  task: Task | null;
  /** "Item 213": the answer that the item in view would be, counted from midnight. */
  number: number;
  /** What was answered before, when an answer has been undone. */
  previous: Given | null;
  ahead: readonly Task[];
  trail: readonly TrailEntry[];
  unsent: number;
  /** Of the unsent, those that outlive this page. */
  kept: number;
  link: Link;
  durable: boolean;
  refused: readonly Entry[];
  waiting: Waiting | null;
  /** Shown before the next answer. */
  taught: Taught | null;
  /** The project cannot be labelled by this person at all. */
  fault: Fault | null;
  loading: boolean;
  answeredToday: number;
  toFirstModel: number | null;
}

export interface Ports extends Wire {
  next(n: number, held: string[]): Promise<NextReply>;
  heartbeat(lease: string): Promise<LeaseReply>;
  release(lease: string): Promise<unknown>;
  alike(item: string): Promise<Task[]>;
  uuid(): string;
  storage: Storage;
  owner: Owner;
  attention: Attention;
}

export interface Extra {
  unsure?: boolean;
  reason?: string | null;
}

export class Session implements Listener {
  readonly outbox: Outbox;
  /** Version of the guidelines in view. */
  guideline: number | null = null;

  private task: Task | null = null;
  private ahead: Task[] = [];
  private trail: Given[] = [];
  private previous: Given | null = null;
  private waiting: Waiting | null = null;
  private taught: Taught[] = [];
  private fault: Fault | null = null;
  private link: Link = "up";
  private loading = true;
  /** Whether the answers that an earlier visit left on this device are known: their items must not be asked again. */
  private loaded = false;
  private fetching = false;
  private closed = false;
  private confirmedToday = 0;
  private toFirstModel: number | null = null;
  private lastAct = Date.now();
  private failures = 0;
  private retry: ReturnType<typeof setTimeout> | null = null;
  private readonly renewal: ReturnType<typeof setInterval>;
  private readonly listeners = new Set<(state: State) => void>();

  constructor(private readonly ports: Ports) {
    this.outbox = new Outbox(ports.storage, ports, ports.owner, this);
    this.renewal = setInterval(() => void this.renew(), renewEvery);
  }

  async start(): Promise<void> {
    await this.outbox.load();
    this.loaded = true;
    await this.refill();
  }

  /** Svelte's store contract. */
  subscribe(listener: (state: State) => void): () => void {
    this.listeners.add(listener);
    listener(this.state);
    return () => this.listeners.delete(listener);
  }

  get state(): State {
    const { outbox } = this;
    return {
      task: this.task,
      number: this.answeredToday + 1,
      previous: this.previous,
      ahead: this.ahead,
      trail: this.trail.map((given) => ({ ...given, sent: !outbox.has(given.key) })),
      unsent: outbox.unsent,
      kept: outbox.kept,
      link: outbox.link === "up" ? this.link : outbox.link,
      durable: outbox.durable,
      refused: outbox.refused,
      waiting: this.task ? null : this.waiting,
      taught: this.taught[0] ?? null,
      fault: this.fault,
      loading: this.loading && !this.task,
      answeredToday: this.answeredToday,
      toFirstModel: this.toFirstModel,
    };
  }

  // --- what a person does ---

  answer(value: unknown, extra: Extra = {}): boolean {
    return this.give("answered", value, extra);
  }

  skip(reason: string): boolean {
    return this.give("skipped", null, { reason });
  }

  cannotBeAnswered(reason: string | null = null): boolean {
    return this.give("unanswerable", null, { reason });
  }

  /** Items like the one in view, leased to this person; they are answered at a stroke, or given back. */
  async alike(): Promise<Task[]> {
    if (!this.task) return [];
    this.touch();
    const known = new Set([this.task.item, ...this.ahead.map(({ item }) => item)]);
    return (await this.ports.alike(this.task.item)).filter(({ item }) => !known.has(item));
  }

  /** One answer to several items, the one in view among them or not; the time is shared out. */
  answerAlike(tasks: readonly Task[], value: unknown, extra: Extra = {}): void {
    const each = Math.round(this.ports.attention.take() / Math.max(1, tasks.length));
    const group = this.ports.uuid();
    const inView = this.task?.item;
    for (const task of tasks) {
      if (task.item === inView) this.next();
      this.send(task, "answered", value, extra, each, group);
    }
  }

  /** Give items back that were asked for and not answered. */
  giveBack(tasks: readonly Task[]): void {
    for (const { lease } of tasks) this.ports.release(lease).catch(() => undefined); // it runs out by itself
  }

  /** Take the last answer back, whether or not it has been sent; again and again, as far as this visit goes. */
  undo(): boolean {
    const group = this.trail[0]?.group ?? null;
    if (!this.undoOne()) return false;
    while (group !== null && this.trail[0]?.group === group) this.undoOne();
    return true;
  }

  private undoOne(): boolean {
    const last = this.trail.shift();
    if (!last) return false;
    this.lastAct = Date.now();
    if (!this.outbox.cancel(last.key)) {
      this.outbox.addUndo(this.ports.uuid(), last.key, last.seq, last.task);
    }
    if (this.task) this.ahead.unshift(this.task);
    this.task = last.task;
    this.previous = last;
    this.ports.attention.take();
    this.tell();
    return true;
  }

  /** The lesson has been read. */
  learnt(): void {
    this.taught.shift();
    this.touch();
    this.tell();
  }

  /** Answer a refused entry with one of the choices that are left: a new answer under a new key. */
  answerAgain(entry: Entry, value: unknown): void {
    if (entry.kind !== "answer") return;
    const { item, lease, confidence, active_ms } = entry.form;
    this.putAside(entry);
    const form = this.form({ item, lease: lease ?? null, outcome: "answered", value });
    form.confidence = confidence ?? null;
    form.active_ms = active_ms ?? null;
    this.outbox.addAnswer(form, entry.task);
    this.trail.unshift(this.given(form, entry.task));
    this.tell();
  }

  /** Drop a refused entry, because the person said so. */
  putAside(entry: Entry): void {
    this.outbox.cancel(entry.key);
    this.trail = this.trail.filter((given) => given.key !== entry.key);
    this.tell();
  }

  // --- what happens around ---

  /** The network is back, or the person signed in again. */
  wake(): void {
    this.link = "up";
    this.failures = 0;
    this.outbox.wake();
    void this.refill();
  }

  /** The person did something: leases are worth renewing. */
  touch(): void {
    this.lastAct = Date.now();
    this.ports.attention.touch();
  }

  /** Something changed at the service: what was missing may be there now. */
  async poke(): Promise<void> {
    if (!this.task) await this.refill();
  }

  /** Give items back that nobody will look at; the one in view stays in view, and can still be answered. */
  suspend(): void {
    for (const { lease } of [...(this.task ? [this.task] : []), ...this.ahead]) {
      this.ports.release(lease).catch(() => undefined); // it runs out by itself
    }
    this.ahead = [];
  }

  close(): void {
    this.closed = true;
    this.suspend();
    this.outbox.close();
    clearInterval(this.renewal);
    if (this.retry) clearTimeout(this.retry);
    this.listeners.clear();
  }

  // --- Listener of the outbox ---

  changed(): void {
    this.tell();
  }

  saved(entry: { key: string }, receipt: { seq: number; answered_today: number; lesson?: Lesson | null }): void {
    const given = this.trail.find(({ key }) => key === entry.key);
    if (given) given.seq = receipt.seq;
    if (given && receipt.lesson) this.taught.push({ given, lesson: receipt.lesson });
    this.confirmedToday = receipt.answered_today;
    if (this.link === "down") this.wake();
  }

  undone(entry: { task: Task }, reply: { task: Task | null }): void {
    this.confirmedToday = Math.max(0, this.confirmedToday - 1);
    const fresh = reply.task;
    if (!fresh || fresh.item !== entry.task.item) return;
    const renew = (task: Task): Task => (task.item === fresh.item ? { ...task, lease: fresh.lease } : task);
    if (this.task) this.task = renew(this.task);
    this.ahead = this.ahead.map(renew);
  }

  // --- inside ---

  private get answeredToday(): number {
    const waiting = this.outbox.entries.filter((e) => !e.refused);
    return waiting.reduce((count, { kind }) => count + (kind === "answer" ? 1 : -1), this.confirmedToday);
  }

  private give(outcome: AnswerForm["outcome"], value: unknown, extra: Extra): boolean {
    const task = this.task;
    if (!task) return false;
    this.next();
    this.send(task, outcome, value, extra, this.ports.attention.take());
    return true;
  }

  /** The next item comes into view. */
  private next(): void {
    this.previous = null;
    this.task = this.ahead.shift() ?? null;
  }

  private send(
    task: Task,
    outcome: AnswerForm["outcome"],
    value: unknown,
    extra: Extra,
    active: number,
    group: string | null = null,
  ): void {
    this.lastAct = Date.now();
    const form = this.form({ item: task.item, lease: task.lease, outcome, value });
    form.active_ms = active;
    form.bulk = group !== null;
    form.confidence = extra.unsure ? "unsure" : null;
    form.reason = extra.reason ?? null;
    form.shown = (task.prefill as AnswerForm["shown"]) ?? null;
    this.trail.unshift({ ...this.given(form, task), group });
    if (this.toFirstModel) this.toFirstModel -= 1;
    this.outbox.addAnswer(form, task); // tells
    if (this.ahead.length < lowWater) void this.refill();
  }

  private form(part: Pick<AnswerForm, "item" | "outcome" | "value"> & { lease: string | null }): AnswerForm {
    const { guideline } = this;
    return { key: this.ports.uuid(), confidence: null, reason: null, active_ms: null, guideline, replaces: null, shown: null, bulk: false, ...part };
  }

  private given(form: AnswerForm, task: Task): Given {
    const { key, outcome, value, reason } = form;
    return { key, task, outcome, value, unsure: form.confidence === "unsure", reason: reason ?? null, seq: null, group: null };
  }

  private async refill(): Promise<void> {
    const inHand = this.ahead.length + (this.task ? 1 : 0);
    if (!this.loaded || this.fetching || this.closed || inHand >= hold) return;
    this.fetching = true;
    if (this.retry) clearTimeout(this.retry);
    this.retry = null;
    try {
      // Answers on their way still hold their items; naming them keeps the service from giving those out again.
      const unsent = this.outbox.entries.map((e) => e.task.lease).slice(-(mostAsked - hold));
      const held = [...(this.task ? [this.task.lease] : []), ...this.ahead.map((t) => t.lease), ...unsent];
      this.take(await this.ports.next(Math.min(mostAsked, hold + unsent.length), [...new Set(held)]));
    } catch (error) {
      this.missed(error);
    } finally {
      this.fetching = false;
      this.loading = false;
      this.tell();
    }
  }

  private take(reply: NextReply): void {
    this.link = "up";
    this.failures = 0;
    this.fault = null;
    this.toFirstModel = reply.to_first_model;
    if (!this.outbox.entries.length) this.confirmedToday = reply.answered_today;
    const known = new Set(this.outbox.entries.map((e) => e.task.item));
    for (const task of [this.task, ...this.ahead]) if (task) known.add(task.item);
    for (const task of reply.tasks) {
      if (this.task?.item === task.item) this.task = { ...this.task, lease: task.lease };
      if (known.has(task.item)) continue;
      known.add(task.item);
      this.ahead.push(task);
    }
    if (!this.task) {
      this.task = this.ahead.shift() ?? null;
      if (this.task) this.ports.attention.take();
    }
    this.waiting = reply.waiting;
    const soon = reply.waiting?.seconds ?? (reply.waiting?.reason === "stopped" ? 10 : 3);
    if (!this.task) this.later(Math.min(10, Math.max(1, soon)) * 1000);
  }

  private missed(error: unknown): void {
    if (error instanceof Refusal && error.status === 401) {
      this.link = "signed out";
      return;
    }
    if (error instanceof Refusal && error.status !== 429) {
      this.fault = error.fault;
      return;
    }
    this.link = error instanceof Refusal ? this.link : "down";
    this.later(Math.min(30_000, 1_000 * 2 ** this.failures));
    this.failures += 1;
  }

  private later(wait: number): void {
    if (this.retry) clearTimeout(this.retry);
    this.retry = setTimeout(() => void this.refill(), wait);
  }

  private async renew(): Promise<void> {
    if (this.link !== "up" || Date.now() - this.lastAct > awayAfter) return;
    const asked = [...(this.task ? [this.task] : []), ...this.ahead];
    const replies = await Promise.allSettled(asked.map((task) => this.ports.heartbeat(task.lease)));
    const lost = new Set<string>();
    replies.forEach((reply, i) => {
      if (reply.status === "fulfilled" && reply.value.expires_at === null) lost.add(asked[i]!.lease);
    });
    if (!lost.size) return;
    this.ahead = this.ahead.filter((task) => !lost.has(task.lease)); // the one in view is not torn from the hands
    this.tell();
    await this.refill();
  }

  private tell(): void {
    const { state } = this;
    for (const listener of this.listeners) listener(state);
  }
}
