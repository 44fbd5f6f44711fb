// The outbox's place in the browser's database, and the tabs that share it.
import type { Entry, Storage } from "./outbox";

const store = "outbox";

function opened(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open("querist", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(store, { keyPath: "key" });
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
    asked.onblocked = () => reject(new Error("the browser's database is blocked"));
  });
}

export class BrowserStorage implements Storage {
  private readonly database = opened();

  all(): Promise<Entry[]> {
    return this.run("readonly", (entries) => entries.getAll() as IDBRequest<Entry[]>);
  }
  async put(...entries: Entry[]): Promise<void> {
    // $state.snapshot is not needed: entries never pass through the pages' reactive state.
    await this.run("readwrite", (kept) => entries.map((entry) => kept.put(entry)).at(-1));
  }
  async delete(...keys: string[]): Promise<void> {
    await this.run("readwrite", (kept) => keys.map((key) => kept.delete(key)).at(-1));
  }

  private async run<T>(
    mode: IDBTransactionMode,
    work: (entries: IDBObjectStore) => IDBRequest<T> | undefined,
  ): Promise<T> {
    const database = await this.database;
    return new Promise((resolve, reject) => {
      // `strict`: the answer is on the disk, not in a buffer, before it counts as kept.
      const transaction = database.transaction(store, mode, { durability: "strict" });
      const request = work(transaction.objectStore(store));
      transaction.oncomplete = () => resolve(request?.result as T);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  }
}

/** Hold a lock for as long as this tab lives, so that others can see it; plain http has no locks. */
export function announceTab(tab: string): void {
  void navigator.locks?.request(`querist-tab-${tab}`, () => new Promise<never>(() => undefined));
}

export async function openTabs(): Promise<Set<string>> {
  const held = (await navigator.locks?.query())?.held ?? [];
  return new Set(held.flatMap(({ name }) => (name?.startsWith("querist-tab-") ? [name.slice(12)] : [])));
}
