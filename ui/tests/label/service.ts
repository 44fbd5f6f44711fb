// A service in memory that keeps the promises of the real one: leases, answers once per key, undo by place.
import { Refusal, Unreachable, type AnswerForm, type AnswerReceipt, type Lesson, type NextReply, type Task } from "../../src/api";
import { Attention } from "../../src/label/attention";
import { MemoryStorage } from "../../src/label/outbox";
import type { Ports } from "../../src/label/session";

export class Service {
  online = true;
  /** Answers that arrive although the reply is lost on its way back. */
  loseReplies = 0;
  refuse: ((form: AnswerForm) => Refusal | null) | null = null;
  /** In training: what somebody learns from an answer. */
  teach: ((form: AnswerForm) => Lesson | null) | null = null;
  seq = 0;
  readonly live = new Map<number, AnswerForm>();
  readonly byKey = new Map<string, AnswerReceipt>();
  readonly leases = new Map<string, string>();
  readonly released: string[] = [];
  asked = 0;
  pool = 1000;

  task(item: string): Task {
    const lease = `lease-${(this.seq += 1)}`;
    this.leases.set(lease, item);
    return { lease, item, expires_at: 0, content: { kind: "text", value: { text: item } }, why: null, prefill: null };
  }

  async next(n: number, held: string[]): Promise<NextReply> {
    this.reach();
    this.asked += 1;
    const answered = new Set([...this.live.values()].map((form) => form.item));
    const out = new Set(held.map((lease) => this.leases.get(lease)));
    const items = Array.from({ length: this.pool }, (_, i) => `i${i}`).filter((i) => !answered.has(i) && !out.has(i));
    const tasks = items.slice(0, Math.max(0, n - held.length)).map((item) => this.task(item));
    return { tasks, waiting: null, answered_today: this.live.size, labelled: this.live.size, to_first_model: null };
  }

  async answer(form: AnswerForm): Promise<AnswerReceipt> {
    this.reach();
    const refusal = this.refuse?.(form);
    if (refusal) throw refusal;
    let receipt = this.byKey.get(form.key);
    if (!receipt) {
      this.live.set((this.seq += 1), structuredClone(form));
      const lesson = this.teach?.(form) ?? null;
      receipt = { key: form.key, seq: this.seq, item: form.item, late: false, answered_today: this.live.size, lesson };
      this.byKey.set(form.key, receipt);
    }
    if (this.loseReplies > 0) {
      this.loseReplies -= 1;
      throw new Unreachable("lost");
    }
    return receipt;
  }

  async undo(seq: number, _key: string) {
    this.reach();
    const form = this.live.get(seq);
    if (!form) throw refusal(404, `no answer ${seq}`);
    this.live.delete(seq);
    return { seq: (this.seq += 1), answer: seq, task: this.task(form.item) };
  }

  async heartbeat(lease: string) {
    this.reach();
    return { lease, expires_at: this.leases.has(lease) ? 1 : null };
  }

  async alike(item: string) {
    this.reach();
    return ["a", "b", "c"].map((end) => this.task(`${item}${end}`));
  }

  async release(lease: string) {
    this.released.push(lease);
    this.leases.delete(lease);
  }

  get values(): unknown[] {
    return [...this.live.values()].map((form) => [form.item, form.value]);
  }

  private reach(): void {
    if (!this.online) throw new Unreachable("down");
  }
}

export function refusal(status: number, error: string, choices: string[] = []): Refusal {
  return new Refusal(status, { error, field: null, value: null, choices });
}

let made = 0;

export function ports(service: Service, storage = new MemoryStorage(), tab = "tab", open: string[] = []): Ports {
  return {
    next: (n, held) => service.next(n, held),
    answer: (form) => service.answer(form),
    undo: (seq, key) => service.undo(seq, key),
    heartbeat: (lease) => service.heartbeat(lease),
    release: (lease) => service.release(lease),
    alike: (item) => service.alike(item),
    uuid: () => `key-${(made += 1)}`,
    storage,
    owner: { person: "p_1", project: "P", tab, openTabs: async () => new Set(open) },
    attention: new Attention(() => performance.now()),
  };
}
