// What happens now, by server-sent events; the browser reconnects by itself and says from where (`Last-Event-ID`).
import { api, type LiveEvent } from "./api";

export interface Watcher {
  on(event: LiveEvent): void;
  /** Whether the line is open. */
  open?(open: boolean): void;
}

const again = 5_000;

/**
 * Listen to a project while its page is in view; returns how to stop. A browser opens six lines to one service at
 * most: pages in the background must not hold them.
 */
export function live(project: string, watcher: Watcher): () => void {
  let source: EventSource | null = null;
  let retry: ReturnType<typeof setTimeout> | undefined;

  function listen(): void {
    source = new EventSource(api.eventsUrl(project));
    source.addEventListener("now", ({ data }: MessageEvent<string>) => watcher.on(JSON.parse(data) as LiveEvent));
    source.onopen = () => watcher.open?.(true);
    source.onerror = () => {
      watcher.open?.(false);
      // Refused, rather than cut off: the browser gives up, we do not.
      if (source?.readyState === EventSource.CLOSED) retry = setTimeout(seen, again);
    };
  }
  function stop(): void {
    clearTimeout(retry);
    source?.close();
    source = null;
  }
  function seen(): void {
    stop();
    if (document.visibilityState === "visible") listen();
  }

  seen();
  document.addEventListener("visibilitychange", seen);
  return () => {
    document.removeEventListener("visibilitychange", seen);
    stop();
  };
}
