// Every count of labels on the overview can be read as labels, as money, or as time.
import type { Status } from "../api";
import { count, money, span } from "../words";

export type Unit = "labels" | "money" | "time";

class Counting {
  unit = $state<Unit>("labels");
  spent = $state.raw<Status["spent"] | null>(null);

  /** What can be shown: money needs a price, time a measured or given duration. */
  get units(): Unit[] {
    const priced: Unit[] = this.spent?.per_label ? ["money"] : [];
    const timed: Unit[] = this.spent?.seconds_per_label ? ["time"] : [];
    return ["labels", ...priced, ...timed];
  }

  amount(labels: number): string {
    const { spent } = this;
    if (!spent || !labels || !this.units.includes(this.unit)) return count(labels);
    if (this.unit === "money") return money(labels * spent.per_label, spent.currency);
    if (this.unit === "time") return span(labels * spent.seconds_per_label);
    return count(labels);
  }
}

export const counting = new Counting();
