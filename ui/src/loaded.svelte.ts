// One thing read from the service: it comes late, fails, or is here; what was here stays while it is read again.
import { Refusal, type Fault } from "./api";

const quiet = 400;
const again = 5_000;

export class Loaded<T> {
  value = $state.raw<T | null>(null);
  fault = $state.raw<Fault | null>(null);
  status = $state(0);
  unreachable = $state(false);
  /** Reading the first time for longer than 0.4 s: grey lines may show. */
  slow = $state(false);

  private turn = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly read: () => Promise<T>) {}

  async load(): Promise<void> {
    const turn = (this.turn += 1);
    clearTimeout(this.retry);
    const late = setTimeout(() => (this.slow = this.value === null), quiet);
    try {
      const value = await this.read();
      if (turn !== this.turn) return; // a later reading has begun
      this.value = value;
      this.fault = null;
      this.unreachable = false;
    } catch (error) {
      if (turn !== this.turn) return;
      if (error instanceof Refusal) {
        this.fault = error.fault;
        this.status = error.status;
      } else {
        this.unreachable = true;
        this.retry = setTimeout(() => void this.load(), again);
      }
    } finally {
      clearTimeout(late);
      if (turn === this.turn) this.slow = false;
    }
  }

  stop(): void {
    this.turn += 1;
    clearTimeout(this.retry);
  }
}

/** What a form sends: busy while it is on its way, and the refusal beside the field. */
export class Sending {
  busy = $state(false);
  fault = $state.raw<Fault | null>(null);
  unreachable = $state(false);

  async run<T>(work: () => Promise<T>): Promise<T | null> {
    this.busy = true;
    this.fault = null;
    this.unreachable = false;
    try {
      return await work();
    } catch (error) {
      if (error instanceof Refusal) this.fault = error.fault;
      else this.unreachable = true;
      return null;
    } finally {
      this.busy = false;
    }
  }
}
