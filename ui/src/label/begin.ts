// A session wired to this browser: its database, its tabs, its clock, its service.
import { api, uuid } from "../api";
import { Attention } from "./attention";
import { MemoryStorage, type Storage } from "./outbox";
import { Session } from "./session";
import { announceTab, BrowserStorage, openTabs } from "./storage";

const tab = uuid();
announceTab(tab);

function storage(): { storage: Storage; durable: boolean } {
  return "indexedDB" in globalThis
    ? { storage: new BrowserStorage(), durable: true }
    : { storage: new MemoryStorage(), durable: false };
}

export function begin(project: string, person: string): { session: Session; attention: Attention } {
  const attention = new Attention(() => performance.now());
  const kept = storage();
  const session = new Session({
    next: (n, held) => api.next(project, n, held),
    answer: (form) => api.answer(project, form),
    undo: (seq, key) => api.undo(project, seq, key),
    heartbeat: (lease) => api.heartbeat(project, lease),
    release: (lease) => api.release(project, lease),
    alike: async (item) => (await api.alike(project, item, 11)).tasks,
    uuid,
    storage: kept.storage,
    owner: { person, project, tab, openTabs },
    attention,
  });
  session.outbox.durable = kept.durable;
  return { session, attention };
}
