import { expect, test } from "vitest";
import { counting } from "../src/overview/counting.svelte";

test("a count reads as labels, as money or as time, as far as they are known", () => {
  const spent = { currency: "USD", money: null, of: null, hours: null };
  counting.spent = { ...spent, per_label: 0, seconds_per_label: 0 };
  expect(counting.units).toEqual(["labels"]);
  counting.spent = { ...spent, per_label: 1.2, seconds_per_label: 4.5 };
  expect(counting.units).toEqual(["labels", "money", "time"]);
  expect(counting.amount(1240)).toBe("1,240");
  counting.unit = "money";
  expect(counting.amount(1240)).toBe("$1,488");
  counting.unit = "time";
  expect(counting.amount(1240)).toBe("1\u00a0h 33\u00a0min");
});
