// An answer in the making, for kinds of label that take more than one key: what it is so far, and the way back.
// Values are never changed in place, so that a step back is the value before.

/** What a draft begins with: the item, the project's settings, and what was answered before, if anything was. */
export interface Beginning {
  item: string;
  person: string;
  content: { kind: string; value: Record<string, unknown> };
  classes: string[];
  settings: Record<string, unknown>;
  given: unknown;
}

export class Draft<T = unknown> {
  value: T = $state.raw()!;
  /** Which class the next mark gets. */
  armed = $state(0);
  /** Which mark is chosen, by place. */
  selected: number | null = $state(null);
  /** What is chosen of a text, in code points. */
  range: [number, number] | null = $state.raw(null);
  /** The relation that waits for its second mark. */
  linking: string | null = $state(null);
  /** What a drag on an image does. */
  tool: "select" | "draw" = $state("draw");
  /** Corners of an outline that is not closed yet. */
  open: [number, number][] = $state.raw([]);

  private readonly start: T;
  private past: T[] = [];

  constructor(
    value: T,
    readonly beginning: Beginning,
    armed = 0,
  ) {
    this.armed = armed;
    this.start = value;
    this.value = value;
  }

  get touched(): boolean {
    return this.value !== this.start;
  }

  /** What is half done, as text: what a reload must not lose. Null: nothing. */
  get half(): string | null {
    return this.touched || this.open.length ? JSON.stringify({ value: this.value, open: this.open }) : null;
  }

  /** Go on with what was half done. */
  takeUp(half: string | null): void {
    if (half === null) return;
    const { value, open } = JSON.parse(half) as { value: T; open: [number, number][] };
    if (JSON.stringify(value) !== JSON.stringify(this.start)) this.set(value);
    this.open = open;
  }

  set(value: T): void {
    this.past.push(this.value);
    this.value = value;
  }

  /** Take the last change back; false: there is none. */
  undo(): boolean {
    if (this.open.length) {
      this.open = this.open.slice(0, -1);
      return true;
    }
    if (!this.past.length) return false;
    this.value = this.past.pop()!;
    this.selected = null;
    this.linking = null;
    return true;
  }
}

/** A number in [0, 1) that is fixed by some words: the same for the same person and item, whenever they come back. */
export function chance(...words: string[]): number {
  let hash = 2166136261;
  for (const letter of words.join("\u0000")) hash = Math.imul(hash ^ letter.codePointAt(0)!, 16777619);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  hash ^= hash >>> 12;
  return (hash >>> 0) / 2 ** 32;
}
