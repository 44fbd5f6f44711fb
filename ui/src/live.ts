// What happens now, by server-sent events; the browser reconnects by itself and says from where (`Last-Event-ID`).
import { api, type LiveEvent } from "./api";

export interface Watcher {
  on(event: LiveEvent): void;
  /** Whether the line is open. */
  open?(open: boolean): void;
}

/** Listen to a project; returns how to stop. A hidden page keeps listening: it is one line of text a second at most. */
export function live(project: string, watcher: Watcher): () => void {
  const source = new EventSource(api.eventsUrl(project));
  source.addEventListener("now", (event) => watcher.on(JSON.parse((event as MessageEvent<string>).data) as LiveEvent));
  source.onopen = () => watcher.open?.(true);
  source.onerror = () => watcher.open?.(false);
  return () => source.close();
}
