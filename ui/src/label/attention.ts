// Active time, by a monotonic clock: from the first look at an item to its answer, without the coffee in between.

/** After so long without a key, a touch or a scroll, a person is taken to be away. */
export const idleAfter = 60_000;

export class Attention {
  private spent = 0;
  private total = 0;
  private since: number | null = null;
  private last: number;

  constructor(private readonly now: () => number) {
    this.last = this.since = now();
  }

  /** The person did something. */
  touch(): void {
    this.settle();
    this.last = this.now();
    this.since ??= this.last;
  }

  /** The page was hidden: nothing counts until the next touch. */
  leave(): void {
    this.settle();
    this.since = null;
  }

  /** Milliseconds of active time since the last `take`; begins the next item. */
  take(): number {
    this.touch();
    const spent = this.spent;
    this.spent = 0;
    return Math.round(spent);
  }

  /** Milliseconds of active time since the page was opened. */
  get session(): number {
    this.settle();
    return Math.round(this.total);
  }

  private settle(): void {
    if (this.since === null) return;
    const now = this.now();
    const end = Math.min(now, this.last + idleAfter);
    const passed = Math.max(0, end - this.since);
    this.spent += passed;
    this.total += passed;
    this.since = end < now ? null : now;
  }
}
