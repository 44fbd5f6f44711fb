import { expect, test } from "vitest";
import { Attention, idleAfter } from "../../src/label/attention";

function clock() {
  let time = 0;
  return { now: () => time, pass: (ms: number) => (time += ms) };
}

test("counts from item to item", () => {
  const { now, pass } = clock();
  const attention = new Attention(now);
  pass(1200);
  expect(attention.take()).toBe(1200);
  pass(300);
  expect(attention.take()).toBe(300);
  expect(attention.session).toBe(1500);
});

test("a long absence counts as much as reading may take, not more", () => {
  const { now, pass } = clock();
  const attention = new Attention(now);
  pass(3_600_000);
  expect(attention.take()).toBe(idleAfter);
});

test("touches keep it counting; a hidden page does not count", () => {
  const { now, pass } = clock();
  const attention = new Attention(now);
  for (let i = 0; i < 4; i += 1) {
    pass(50_000);
    attention.touch();
  }
  attention.leave();
  pass(500_000);
  attention.touch();
  pass(10);
  expect(attention.take()).toBe(200_010);
});
