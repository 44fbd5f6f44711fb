// Who is signed in, and the colours that this browser shows.
import { api, onSignedOut, Refusal, type Me } from "./api";

export type Theme = "auto" | "light" | "dark";

class Person {
  me = $state.raw<Me | null>(null);
  /** Not asked yet · asked · the service does not know us. */
  known = $state<"unasked" | "yes" | "no" | "unreachable">("unasked");
  theme = $state<Theme>(storedTheme());

  constructor() {
    onSignedOut(() => (this.known = "no"));
  }

  /** May see and change everybody's accounts. */
  get managesAll(): boolean {
    return this.me?.role === "owner" || this.me?.role === "manager";
  }

  async ask(): Promise<void> {
    try {
      this.me = await api.me();
      this.known = "yes";
    } catch (error) {
      this.known = error instanceof Refusal ? "no" : "unreachable";
    }
  }

  async signIn(form: { name?: string; password?: string; token?: string }): Promise<void> {
    this.me = await api.signIn(form);
    this.known = "yes";
  }

  async signOut(): Promise<void> {
    await api.signOut();
    this.me = null;
    this.known = "no";
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    localStorage.setItem("theme", theme);
    this.applyTheme();
  }

  applyTheme(): void {
    if (this.theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.theme;
  }
}

function storedTheme(): Theme {
  const kept = localStorage.getItem("theme");
  return kept === "light" || kept === "dark" ? kept : "auto";
}

export const person = new Person();
