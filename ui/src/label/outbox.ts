// Answers on their way to the service. An answer is written to the browser's own database before it is sent, is sent
// under a key that the service knows it by (so that sending twice is sending once), and is forgotten only when the
// service has it. Nothing here touches the page; the storage, the wire and the clock are given.
import { Refusal, type AnswerForm, type AnswerReceipt, type Fault, type Task, type Undone } from "../api";

interface Common {
  /** The client's UUID: what makes sending twice harmless. */
  key: string;
  /** Place in the queue. */
  order: number;
  person: string;
  project: string;
  /** The tab that made it; another tab sends it only when that one is gone. */
  tab: string;
  /** What was shown, so that a refused answer can be shown again. */
  task: Task;
  /** Why the service refused it; it waits for the person. */
  refused: Fault | null;
}
export interface AnswerEntry extends Common {
  kind: "answer";
  form: AnswerForm;
}
export interface UndoEntry extends Common {
  kind: "undo";
  /** Key of the answer that is taken back. */
  undoes: string;
  /** Its place in the ledger; null until that answer has arrived. */
  seq: number | null;
}
export type Entry = AnswerEntry | UndoEntry;

/** Where entries outlive the page. */
export interface Storage {
  all(): Promise<Entry[]>;
  put(...entries: Entry[]): Promise<void>;
  delete(...keys: string[]): Promise<void>;
}

export interface Wire {
  answer(form: AnswerForm): Promise<AnswerReceipt>;
  undo(seq: number, key: string): Promise<Undone>;
}

export interface Owner {
  person: string;
  project: string;
  tab: string;
  /** Tabs of this browser that are still open. */
  openTabs(): Promise<Set<string>>;
}

export type Link = "up" | "down" | "signed out";

export interface Listener {
  changed(): void;
  saved(entry: AnswerEntry, receipt: AnswerReceipt): void;
  undone(entry: UndoEntry, reply: Undone): void;
}

const first = 1_000;
const longest = 30_000;

export class Outbox {
  /** Everything that the service does not have yet, in the order it was done. */
  entries: Entry[] = [];
  link: Link = "up";
  /** False when this browser keeps nothing for us: the page then says so. */
  durable = true;
  /** Keys of the entries that would outlive the page. */
  private readonly stored = new Set<string>();

  private inFlight: string | null = null;
  private pumping = false;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private lastOrder = 0;

  constructor(
    private readonly storage: Storage,
    private readonly wire: Wire,
    private readonly owner: Owner,
    private readonly listener: Listener,
  ) {}

  /** Take up what an earlier visit left behind, and go on sending. */
  async load(): Promise<void> {
    let kept: Entry[] = [];
    let open = new Set<string>();
    try {
      [kept, open] = await Promise.all([this.storage.all(), this.owner.openTabs()]);
    } catch {
      this.durable = false; // a browser that forbids storage: go on in memory, and say so
    }
    const { person, project, tab } = this.owner;
    const orphans = kept
      .filter((e) => e.person === person && e.project === project && (e.tab === tab || !open.has(e.tab)))
      .map((e) => ({ ...e, tab }));
    const here = new Set(this.entries.map((e) => e.key));
    this.entries = [...orphans.filter((e) => !here.has(e.key)), ...this.entries].sort((a, b) => a.order - b.order);
    this.lastOrder = Math.max(this.lastOrder, ...this.entries.map((e) => e.order));
    if (orphans.length) await this.keep(...orphans);
    this.listener.changed();
    void this.pump();
  }

  get unsent(): number {
    return this.entries.filter((e) => !e.refused).length;
  }

  /** Of the unsent, those that are on this browser's disk: only of these may the page say that they are kept. */
  get kept(): number {
    return this.entries.filter((e) => !e.refused && this.stored.has(e.key)).length;
  }

  get refused(): Entry[] {
    return this.entries.filter((e) => e.refused);
  }

  has(key: string): boolean {
    return this.entries.some((e) => e.key === key);
  }

  addAnswer(form: AnswerForm, task: Task): void {
    this.add({ kind: "answer", form, task, ...this.common(form.key) });
  }

  addUndo(key: string, undoes: string, seq: number | null, task: Task): void {
    this.add({ kind: "undo", undoes, seq, task, ...this.common(key) });
  }

  /** Take an entry back that has not left yet. False: it is on its way, or there already. */
  cancel(key: string): boolean {
    if (this.inFlight === key || !this.has(key)) return false;
    this.entries = this.entries.filter((e) => e.key !== key);
    void this.forget(key);
    this.listener.changed();
    return true;
  }

  /** Try at once: the network is back, the person signed in again, or asked for it. */
  wake(): void {
    this.failures = 0;
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    void this.pump();
  }

  close(): void {
    if (this.timer) clearTimeout(this.timer);
    this.pumping = true; // nothing more is sent from here; another visit takes the rest
  }

  private common(key: string) {
    const { person, project, tab } = this.owner;
    this.lastOrder = Math.max(this.lastOrder + 1, Date.now());
    return { key, order: this.lastOrder, person, project, tab, refused: null };
  }

  private add(entry: Entry): void {
    this.entries = [...this.entries, entry];
    this.listener.changed();
    void this.keep(entry).then(() => this.pump());
  }

  private async keep(...entries: Entry[]): Promise<void> {
    try {
      await this.storage.put(...entries);
      for (const { key } of entries) this.stored.add(key);
    } catch {
      this.durable = false;
    }
    this.listener.changed();
    // An entry that was taken back while it was being written must not come back with the next visit.
    const gone = entries.filter((e) => !this.has(e.key)).map((e) => e.key);
    if (gone.length) await this.forget(...gone);
  }

  private async forget(...keys: string[]): Promise<void> {
    for (const key of keys) this.stored.delete(key);
    try {
      await this.storage.delete(...keys);
    } catch {
      this.durable = false;
    }
  }

  private async pump(): Promise<void> {
    if (this.pumping || this.timer) return;
    this.pumping = true;
    try {
      for (let entry = this.due(); entry; entry = this.due()) {
        if (!(await this.send(entry))) break;
      }
    } finally {
      this.pumping = false;
    }
  }

  private due(): Entry | undefined {
    return this.entries.find((e) => !e.refused && (e.kind === "answer" || e.seq !== null));
  }

  /** Send one entry; false means: wait before going on. */
  private async send(entry: Entry): Promise<boolean> {
    this.inFlight = entry.key;
    try {
      if (entry.kind === "answer") {
        await this.arrived(entry, await this.wire.answer(entry.form));
      } else {
        const reply = await this.wire.undo(entry.seq!, entry.key);
        await this.drop(entry.key);
        this.listener.undone(entry, reply);
      }
      this.failures = 0;
      this.link = "up";
      return true;
    } catch (error) {
      return await this.failed(entry, error);
    } finally {
      this.inFlight = null;
      this.listener.changed();
    }
  }

  private async arrived(entry: AnswerEntry, receipt: AnswerReceipt): Promise<void> {
    const undos = this.entries.filter((e): e is UndoEntry => e.kind === "undo" && e.undoes === entry.key);
    for (const undo of undos) undo.seq = receipt.seq;
    if (undos.length) await this.keep(...undos);
    await this.drop(entry.key);
    this.listener.saved(entry, receipt);
  }

  private async drop(key: string): Promise<void> {
    this.entries = this.entries.filter((e) => e.key !== key);
    await this.forget(key);
  }

  private async failed(entry: Entry, error: unknown): Promise<boolean> {
    if (error instanceof Refusal && error.status === 401) {
      this.link = "signed out";
      return false;
    }
    if (error instanceof Refusal && error.status !== 429) {
      if (entry.kind === "undo" && error.status === 404) {
        await this.drop(entry.key); // there is nothing to take back
        return true;
      }
      entry.refused = error.fault;
      this.entries = [...this.entries];
      await this.keep(entry);
      return true;
    }
    if (!(error instanceof Refusal)) this.link = "down";
    const wait = (error instanceof Refusal && error.retryAfter ? error.retryAfter * 1000 : 0) || this.backoff();
    this.timer = setTimeout(() => {
      this.timer = null;
      void this.pump();
    }, wait);
    return false;
  }

  private backoff(): number {
    const wait = Math.min(longest, first * 2 ** this.failures);
    this.failures += 1;
    return wait * (0.75 + Math.random() / 2);
  }
}

/** Entries in this page's memory: for tests, and for browsers that keep nothing. */
export class MemoryStorage implements Storage {
  private readonly kept = new Map<string, string>();

  async all(): Promise<Entry[]> {
    return [...this.kept.values()].map((text) => JSON.parse(text) as Entry);
  }
  async put(...entries: Entry[]): Promise<void> {
    for (const entry of entries) this.kept.set(entry.key, JSON.stringify(entry));
  }
  async delete(...keys: string[]): Promise<void> {
    for (const key of keys) this.kept.delete(key);
  }
}
