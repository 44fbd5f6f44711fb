// Addresses: the browser's own history, one pattern for each page.

export type Page =
  | { name: "signIn"; token: string; next: string; refused: string }
  | { name: "join"; token: string }
  | { name: "projects" | "people" | "account" }
  | { name: "create" }
  | { name: "overview" | "label" | "review" | "team" | "settings"; project: string }
  | { name: "items"; project: string; item: string | null }
  | { name: "nowhere" };

export function pageOf(url: URL): Page {
  const parts = url.pathname.split("/").filter(Boolean).map(decoded);
  const [first, project, tab = "", item = null] = parts;
  if (!parts.length) return { name: "projects" };
  if (first === "sign-in" && parts.length === 1) {
    const said = (name: string) => url.searchParams.get(name) ?? "";
    return { name: "signIn", token: said("token"), next: inside(said("next")), refused: said("refused") };
  }
  if (first === "join" && parts.length === 1) return { name: "join", token: url.searchParams.get("token") ?? "" };
  if (parts.length === 1 && (first === "projects" || first === "people" || first === "account")) return { name: first };
  if (first === "projects" && project === "new" && parts.length === 2) return { name: "create" };
  if (first !== "p" || !project || parts.length > 4) return { name: "nowhere" };
  if (tab === "items") return { name: "items", project, item };
  if (parts.length > 3) return { name: "nowhere" };
  if (tab === "") return { name: "overview", project };
  if (tab === "label" || tab === "review" || tab === "team" || tab === "settings") return { name: tab, project };
  return { name: "nowhere" };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // not an address that we wrote: it will name nothing
  }
}

/** Only addresses of this service: a sign-in link must not send people elsewhere. */
function inside(next: string | null): string {
  return next && /^\/(?![/\\])/.test(next) ? next : "/projects";
}

export const paths = {
  signIn: (next: string) => `/sign-in?next=${encodeURIComponent(next)}`,
  projects: "/projects",
  people: "/people",
  account: "/account",
  create: "/projects/new",
  overview: (project: string) => `/p/${encodeURIComponent(project)}`,
  label: (project: string) => `/p/${encodeURIComponent(project)}/label`,
  review: (project: string) => `/p/${encodeURIComponent(project)}/review`,
  team: (project: string) => `/p/${encodeURIComponent(project)}/team`,
  settings: (project: string) => `/p/${encodeURIComponent(project)}/settings`,
  items: (project: string, item?: string | null) =>
    `/p/${encodeURIComponent(project)}/items${item ? `/${encodeURIComponent(item)}` : ""}`,
};

class Route {
  page = $state.raw<Page>({ name: "nowhere" });

  start(): () => void {
    const read = () => (this.page = pageOf(new URL(location.href)));
    read();
    const follow = (event: MouseEvent) => this.follow(event);
    addEventListener("popstate", read);
    addEventListener("click", follow);
    return () => {
      removeEventListener("popstate", read);
      removeEventListener("click", follow);
    };
  }

  go(path: string, { replace = false } = {}): void {
    if (replace) history.replaceState(null, "", path);
    else history.pushState(null, "", path);
    this.page = pageOf(new URL(location.href));
    if (!location.hash) scrollTo(0, 0);
  }

  private follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
      return;
    const link = (event.target as Element).closest?.("a");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.pathname.startsWith("/api/") || (link.hash && link.pathname === location.pathname)) return;
    event.preventDefault();
    this.go(link.pathname + link.search + link.hash);
  }
}

export const route = new Route();
