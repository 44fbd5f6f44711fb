// Figures as people read them: grouped, with their unit on the same line, rounded like their interval.
import { locale } from "./locale";

const nbsp = "\u00a0";
const grouped = new Intl.NumberFormat(locale);
const plural = new Intl.PluralRules(locale);
const clockTime = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayAndTime = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });

export const count = (n: number): string => grouped.format(Math.round(n));

/** "1 label", "3 labels": the figure and its noun. */
export function many(n: number, one: string, other: string): string {
  return `${count(n)}${nbsp}${plural.select(n) === "one" ? one : other}`;
}

/** A fraction as whole per cent: 0.9 → "90 %". */
export const percent = (fraction: number): string => `${Math.round(fraction * 100)}${nbsp}%`;

/** A fraction as per cent with one decimal: 0.021 → "2.1 %". */
export const percentFine = (fraction: number): string => `${(fraction * 100).toFixed(1)}${nbsp}%`;

/** The ends of an interval as whole per cent, rounded outwards: "87–93". */
export function ends(low: number, high: number): string {
  return `${Math.max(0, Math.floor(low * 100 + 1e-9))}–${Math.min(100, Math.ceil(high * 100 - 1e-9))}`;
}

/** Money as exact as its size deserves: $4.80, $62, $1,992. */
export function money(amount: number, currency: string): string {
  const digits = Math.abs(amount) < 10 && !Number.isInteger(amount) ? 2 : 0;
  const style = { style: "currency", currency, currencyDisplay: "narrowSymbol" } as const;
  return new Intl.NumberFormat(locale, { ...style, minimumFractionDigits: digits, maximumFractionDigits: digits }).format(
    amount,
  );
}

/** An estimate of money, rounded to two significant figures: 211.2 → "$210". */
export function moneyAbout(amount: number, currency: string): string {
  return money(Number(amount.toPrecision(2)), currency);
}

/** A price, with its cents. */
export function price(amount: number, currency: string): string {
  const style = { style: "currency", currency, currencyDisplay: "narrowSymbol" } as const;
  return new Intl.NumberFormat(locale, style).format(amount);
}

export const currencySign = (currency: string): string =>
  new Intl.NumberFormat(locale, { style: "currency", currency, currencyDisplay: "narrowSymbol" })
    .formatToParts(0)
    .find(({ type }) => type === "currency")?.value ?? currency;

export const seconds = (s: number): string => `${s < 10 ? s.toFixed(1) : count(s)}${nbsp}s`;

/** A span of time in its two largest units: "40 s", "24 min", "2 h 5 min". */
export function span(s: number): string {
  if (s < 60) return `${Math.max(1, Math.round(s))}${nbsp}s`;
  const minutes = Math.round(s / 60);
  if (minutes < 60) return `${minutes}${nbsp}min`;
  const rest = minutes % 60;
  return `${Math.floor(minutes / 60)}${nbsp}h${rest ? ` ${rest}${nbsp}min` : ""}`;
}

export const hours = (h: number): string => (h < 1 ? span(h * 3600) : `${h.toFixed(1)}${nbsp}h`);

/** The service counts in microseconds. */
export const clock = (micros: number): string => clockTime.format(micros / 1000);
export const dated = (micros: number): string => dayAndTime.format(micros / 1000);

export function ago(micros: number, now = Date.now()): string {
  const s = Math.max(0, now - micros / 1000) / 1000;
  if (s < 45) return "now";
  if (s < 3_600) return relative.format(-Math.round(s / 60), "minute");
  if (s < 86_400) return relative.format(-Math.round(s / 3_600), "hour");
  return relative.format(-Math.round(s / 86_400), "day");
}
