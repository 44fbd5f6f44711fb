import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { MemoryStorage } from "../../src/label/outbox";
import { Session, hold } from "../../src/label/session";
import { Service, ports, refusal } from "./service";

let service: Service;
let storage: MemoryStorage;

beforeEach(() => {
  vi.useFakeTimers();
  service = new Service();
  storage = new MemoryStorage();
});
afterEach(() => vi.useRealTimers());

const settle = () => vi.advanceTimersByTimeAsync(0);

async function begun(tab = "tab", open: string[] = []): Promise<Session> {
  const session = new Session(ports(service, storage, tab, open));
  await session.start();
  await settle();
  return session;
}

test("five items are in hand at the start, each once", async () => {
  const { state } = await begun();
  expect([state.task?.item, ...state.ahead.map((t) => t.item)]).toEqual(["i0", "i1", "i2", "i3", "i4"]);
  expect(1 + state.ahead.length).toBe(hold);
  expect(state.loading).toBe(false);
});

test("an answer shows the next item in the same instant, and arrives", async () => {
  const session = await begun();
  expect(session.answer("spam")).toBe(true);
  expect(session.state.task?.item).toBe("i1"); // no await in between
  expect(session.state.unsent).toBe(1);
  await settle();
  expect(session.state.unsent).toBe(0);
  expect(service.values).toEqual([["i0", "spam"]]);
});

test("sixty answers in a row: none lost, none twice, in order", async () => {
  const session = await begun();
  for (let i = 0; i < 60; i += 1) {
    expect(session.answer(`v${i}`), `item ${i} was not there in time`).toBe(true);
    await settle();
  }
  expect(service.values).toEqual(Array.from({ length: 60 }, (_, i) => [`i${i}`, `v${i}`]));
  expect(session.state.number).toBe(61);
});

test("a burst faster than the service never shows an item twice", async () => {
  const session = await begun();
  const shown: (string | undefined)[] = [];
  for (let i = 0; i < 30; i += 1) {
    shown.push(session.state.task?.item);
    if (!session.answer("x")) await settle();
  }
  await settle();
  const items = shown.filter((item) => item !== undefined);
  expect(new Set(items).size).toBe(items.length);
  expect(service.live.size).toBe(items.length);
});

test("a lost reply does not make a second answer", async () => {
  const session = await begun();
  service.loseReplies = 2;
  session.answer("spam");
  await settle();
  expect(session.state.link).toBe("down");
  expect(session.state.unsent).toBe(1);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(session.state.unsent).toBe(0);
  expect(session.state.link).toBe("up");
  expect(service.values).toEqual([["i0", "spam"]]);
});

test("offline: the items in hand can be answered, and everything is sent once when the network is back", async () => {
  const session = await begun();
  service.online = false;
  for (const value of ["a", "b", "c", "d", "e"]) {
    expect(session.answer(value)).toBe(true);
    await settle();
  }
  expect(session.state).toMatchObject({ link: "down", unsent: 5, task: null });
  expect(session.answer("f")).toBe(false);
  service.online = true;
  session.wake();
  await vi.advanceTimersByTimeAsync(100);
  expect(session.state).toMatchObject({ link: "up", unsent: 0 });
  expect(service.values.map(([, value]: any) => value)).toEqual(["a", "b", "c", "d", "e"]);
  expect(session.state.task?.item).toBe("i5");
});

test("a page that is closed with answers unsent sends them on the next visit", async () => {
  const session = await begun("old");
  service.online = false;
  session.answer("a");
  session.answer("b");
  await settle();
  session.close();
  service.online = true;
  const later = await begun("new");
  await settle();
  expect(service.values).toEqual([["i0", "a"], ["i1", "b"]]);
  expect(later.state.unsent).toBe(0);
  expect(await storage.all()).toEqual([]);
});

test("an item whose answer waits on this device is not asked again, however early the page is woken", async () => {
  const killed = await begun("old");
  service.online = false;
  killed.answer("a");
  killed.answer("b");
  await settle();
  service.online = true;
  let read = () => {};
  const all = storage.all.bind(storage);
  storage.all = () => new Promise((done) => (read = () => done(all())));
  const session = new Session(ports(service, storage, "new", []));
  void session.start();
  session.wake();
  await session.poke();
  await settle();
  expect(session.state.task).toBeNull();
  read();
  await settle();
  expect([session.state.task, ...session.state.ahead].map((task) => task?.item)).not.toContain("i0");
  expect(service.values).toEqual([["i0", "a"], ["i1", "b"]]);
});

test("another open tab's answers are left to it", async () => {
  const session = await begun("first");
  service.online = false;
  session.answer("a");
  await settle();
  const second = await begun("second", ["first", "second"]);
  expect(second.state.unsent).toBe(0);
});

test("another person's answers are not sent in my name", async () => {
  const session = await begun("old");
  service.online = false;
  session.answer("a");
  await settle();
  session.close();
  service.online = true;
  const mine = ports(service, storage, "new");
  mine.owner.person = "p_2";
  await new Session(mine).start();
  await settle();
  expect(service.live.size).toBe(0);
  expect(await storage.all()).toHaveLength(1);
});

test("undo before sending: the answer never leaves", async () => {
  const session = await begun();
  service.online = false;
  session.answer("a");
  await settle();
  session.answer("b");
  expect(session.undo()).toBe(true);
  expect(session.state.task?.item).toBe("i1");
  expect(session.state.previous?.value).toBe("b");
  session.answer("c");
  service.online = true;
  session.wake();
  await vi.advanceTimersByTimeAsync(100);
  expect(service.values).toEqual([["i0", "a"], ["i1", "c"]]);
});

test("undo after sending: withdrawn at the service, and answered anew", async () => {
  const session = await begun();
  session.answer("wrong");
  await settle();
  expect(service.live.size).toBe(1);
  session.undo();
  await settle();
  expect(service.live.size).toBe(0);
  expect(session.state.task?.item).toBe("i0");
  session.answer("right");
  await settle();
  expect(service.values).toEqual([["i0", "right"]]);
  expect(session.state.number).toBe(2);
});

test("undo while the answer is on its way: the withdrawal follows it", async () => {
  const session = await begun();
  session.answer("wrong");
  await Promise.resolve();
  await Promise.resolve(); // stored and sent, the reply not here yet
  session.undo();
  session.answer("right");
  await vi.advanceTimersByTimeAsync(100);
  expect(service.values).toEqual([["i0", "right"]]);
  expect(session.state.unsent).toBe(0);
});

test("undo goes as deep as the visit", async () => {
  const session = await begun();
  for (let i = 0; i < 40; i += 1) {
    session.answer("x");
    await settle();
  }
  for (let i = 0; i < 40; i += 1) expect(session.undo()).toBe(true);
  expect(session.undo()).toBe(false);
  await vi.advanceTimersByTimeAsync(100);
  expect(service.live.size).toBe(0);
  expect(session.state.task?.item).toBe("i0");
  expect(session.state.number).toBe(1);
});

test("a refused answer is kept with its choices, the rest goes on", async () => {
  const session = await begun();
  service.refuse = (form) => (form.value === "fee" ? refusal(422, "“fee” is no longer a class", ["a", "b"]) : null);
  session.answer("fee");
  session.answer("a");
  await settle();
  expect(session.state.refused).toHaveLength(1);
  expect(session.state.refused[0]?.refused?.choices).toEqual(["a", "b"]);
  expect(await storage.all()).toHaveLength(1);
  expect(service.values).toEqual([["i1", "a"]]);
  session.answerAgain(session.state.refused[0]!, "b");
  await settle();
  expect(session.state.refused).toEqual([]);
  expect(service.values).toEqual([["i1", "a"], ["i0", "b"]]);
});

test("signed out: nothing is lost, and signing in sends it", async () => {
  const session = await begun();
  service.refuse = () => refusal(401, "not signed in");
  session.answer("a");
  await settle();
  expect(session.state).toMatchObject({ link: "signed out", unsent: 1, refused: [] });
  service.refuse = null;
  session.wake();
  await settle();
  expect(service.values).toEqual([["i0", "a"]]);
});

test("too many requests: waits as long as it is told", async () => {
  const session = await begun();
  const busy = refusal(429, "too many");
  service.refuse = () => Object.assign(busy, { retryAfter: 7 });
  session.answer("a");
  await settle();
  service.refuse = null;
  await vi.advanceTimersByTimeAsync(6_900);
  expect(service.live.size).toBe(0);
  await vi.advanceTimersByTimeAsync(200);
  expect(service.live.size).toBe(1);
});

test("skipped and unanswerable items carry their reason, and no value", async () => {
  const session = await begun();
  session.skip("Too long for now");
  session.cannotBeAnswered();
  session.answer("a", { unsure: true });
  await settle();
  expect([...service.live.values()]).toMatchObject([
    { outcome: "skipped", value: null, reason: "Too long for now" },
    { outcome: "unanswerable", value: null },
    { outcome: "answered", value: "a", confidence: "unsure" },
  ]);
});

test("active time is measured for each answer", async () => {
  const session = await begun();
  await vi.advanceTimersByTimeAsync(1_500);
  session.answer("a");
  await vi.advanceTimersByTimeAsync(700);
  session.answer("b");
  await settle();
  expect([...service.live.values()].map((form) => form.active_ms)).toEqual([1500, 700]);
});

test("leases are renewed while somebody works, and lost ones leave the queue", async () => {
  const session = await begun();
  const gone = session.state.ahead[1]!;
  service.leases.delete(gone.lease);
  await vi.advanceTimersByTimeAsync(180_000);
  expect(session.state.ahead.map((t) => t.lease)).not.toContain(gone.lease);
  expect(session.state.ahead).toHaveLength(4);
});

test("leaving gives the items back", async () => {
  const session = await begun();
  session.close();
  expect(service.released).toHaveLength(5);
});

test("an empty queue says why, and is asked again", async () => {
  service.pool = 0;
  const session = await begun();
  expect(session.state.task).toBeNull();
  service.pool = 10;
  await vi.advanceTimersByTimeAsync(3_000);
  expect(session.state.task?.item).toBe("i0");
});

test("a browser that forbids storage still labels, and says so", async () => {
  storage.put = () => Promise.reject(new Error("denied"));
  const session = await begun();
  session.answer("a");
  await settle();
  expect(session.state.durable).toBe(false);
  expect(service.values).toEqual([["i0", "a"]]);
});

test("an answer is called kept only when it is on the disk", async () => {
  const session = await begun();
  service.online = false;
  session.answer("a");
  await settle();
  expect(session.state).toMatchObject({ unsent: 1, kept: 1 });
  let written = () => {};
  const put = storage.put.bind(storage);
  storage.put = (...entries) => new Promise((done) => (written = () => done(put(...entries))));
  session.answer("b");
  await settle();
  expect(session.state).toMatchObject({ unsent: 2, kept: 1 });
  written();
  await settle();
  expect(session.state).toMatchObject({ unsent: 2, kept: 2 });
  service.online = true;
  session.wake();
  await vi.advanceTimersByTimeAsync(100);
  expect(session.state).toMatchObject({ unsent: 0, kept: 0 });
});

test("in training a lesson stands before the next answer until it has been read", async () => {
  const session = await begun();
  service.teach = (form) => (form.item === "i1" ? { value: "ham", reason: "a newsletter", right: form.value === "ham" } : null);
  session.answer("spam");
  await settle();
  expect(session.state.taught).toBeNull();
  session.answer("spam");
  session.answer("spam"); // typed before the lesson came
  await settle();
  expect(session.state.taught?.given).toMatchObject({ task: { item: "i1" }, value: "spam" });
  expect(session.state.taught?.lesson).toEqual({ value: "ham", reason: "a newsletter", right: false });
  session.learnt();
  expect(session.state.taught).toBeNull();
});

test("a group is one answer to each, said to be given in bulk, and taken back as one", async () => {
  const session = await begun();
  const first = session.state.task!;
  const others = await session.alike();
  session.answerAlike([first, ...others.slice(0, 2)], "cat", { unsure: true });
  session.giveBack(others.slice(2));
  await settle();
  expect([...service.live.values()].map(({ item, value, bulk, confidence }) => [item, value, bulk, confidence])).toEqual(
    ["i0", "i0a", "i0b"].map((item) => [item, "cat", true, "unsure"]),
  );
  expect(service.released).toEqual([others[2]!.lease]);
  expect(session.state.task!.item).toBe("i1");
  expect(session.undo()).toBe(true);
  await settle();
  expect(service.values).toEqual([]);
  expect(session.state.task!.item).toBe("i0");
  expect(session.undo()).toBe(false);
});
test("a group leaves the item in view where it is when that is picked out", async () => {
  const session = await begun();
  const others = await session.alike();
  session.answerAlike(others, "cat");
  await settle();
  expect(session.state.task!.item).toBe("i0");
  expect(service.live.size).toBe(3);
});
