// The HTTP client. Types come from the service's own description (`npm run types`), so that the two cannot drift apart.
import createClient from "openapi-fetch";
import type { components, paths } from "./wire";

type Schemas = components["schemas"];
export type Added = Schemas["Added"];
export type Accounts = Schemas["Accounts"];
export type AnswerForm = Schemas["AnswerForm"];
export type AnswerReceipt = Schemas["AnswerReceipt"];
export type AnswerView = Schemas["AnswerView"];
export type Calibration = Schemas["Calibration"];
export type Filter = Schemas["Filter"];
export type Slices = Schemas["Slices"];
export type ClassGuide = Schemas["ClassGuide"];
export type Classes = Schemas["Classes"];
export type Contested = Schemas["Contested"];
export type Content = Schemas["Content"];
export type Curves = Schemas["Curves"];
export type Estimate = Schemas["Estimate"];
export type Fault = Schemas["Error"];
export type FeedEntry = Schemas["FeedEntry"];
export type Guidelines = Schemas["Guidelines"];
export type History = Schemas["History"];
export type Inspection = Schemas["Inspection"];
export type Item = Schemas["Item"];
export type ItemPage = Schemas["ItemPage"];
export type ItemRow = Schemas["ItemRow"];
export type ItemState = ItemRow["state"];
export type Kind = Schemas["KindOffered"]["task"];
export type LeaseReply = Schemas["LeaseReply"];
export type Lesson = Schemas["Lesson"];
export type LiveEvent = Schemas["LiveEvent"];
export type Me = Schemas["Me"];
export type NextReply = Schemas["NextReply"];
export type Now = Schemas["Now"];
export type Point = Schemas["Point"];
export type Project = Schemas["Project"];
export type ProjectRow = Schemas["ProjectRow"];
export type Projects = Schemas["Projects"];
export type PersonRow = Schemas["PersonRow"];
export type Question = Schemas["Question"];
export type Invited = Schemas["Invited"];
export type Review = Schemas["Review"];
export type Role = Schemas["Account"]["role"];
export type ProjectCreate = Schemas["ProjectCreate"];
export type Rounds = Schemas["Rounds"];
export type Scope = Schemas["TokenCreate"]["scope"];
export type Status = Schemas["Status"];
export type StopRule = Schemas["StopRule"];
export type Changes = Schemas["Changes"];
export type Task = Schemas["Task"];
export type TeamView = Schemas["TeamView"];
export type Timing = Schemas["Timing"];
export type Undone = Schemas["Undone"];
export type Waiting = Schemas["Waiting"];
export type WhyRecord = Schemas["WhyRecord"];

/** The service answered, and said no: the thing, its value, the choices. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly fault: Fault,
    readonly retryAfter: number | null = null,
  ) {
    super(fault.error);
    this.name = "Refusal";
  }
}

/** The service did not answer, or could not: worth trying again. */
export class Unreachable extends Error {
  constructor(cause: unknown) {
    super("the service cannot be reached", { cause });
    this.name = "Unreachable";
  }
}

let csrf = "";
let signedOut: () => void = () => undefined;

/** Call `then` whenever the service no longer knows who we are. */
export function onSignedOut(then: () => void): void {
  signedOut = then;
}

const patience = 20_000;
const client = createClient<paths>({
  fetch: async (request) => {
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(patience)]);
    try {
      return await fetch(new Request(request, { signal, credentials: "same-origin" }));
    } catch (cause) {
      throw new Unreachable(cause);
    }
  },
});
client.use({
  onRequest({ request }) {
    if (request.method !== "GET" && csrf) request.headers.set("X-CSRF-Token", csrf);
    return request;
  },
});

interface Outcome<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

async function read<T>(asked: Promise<Outcome<T>>): Promise<T> {
  let outcome: Outcome<T>;
  try {
    outcome = await asked;
  } catch (error) {
    throw error instanceof SyntaxError ? new Unreachable(error) : error; // a proxy's page in the place of JSON
  }
  const { data, error, response } = outcome;
  if (response.ok && data !== undefined) return data;
  if (response.status >= 500) throw new Unreachable(response.status);
  if (response.status === 401) signedOut();
  throw new Refusal(response.status, fault(error, response), Number(response.headers.get("Retry-After")) || null);
}

function fault(body: unknown, response: Response): Fault {
  if (typeof body === "object" && body !== null && "error" in body && typeof body.error === "string") {
    return { field: null, value: null, choices: [], ...body } as Fault;
  }
  return { error: `${response.status} ${response.statusText}`, field: null, value: null, choices: [] };
}

async function known(asked: Promise<Me>): Promise<Me> {
  const me = await asked;
  csrf = me.csrf;
  return me;
}

const base = "/api/v1";
const one = (project: string) => ({ params: { path: { project } } });
const itemOf = (project: string, item: string) => ({ params: { path: { project, item } } });

export const uuid = (): string =>
  // Only secure contexts have randomUUID; a service in the local network may be plain http.
  crypto.randomUUID?.() ??
  "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (c) =>
    (Number(c) ^ (crypto.getRandomValues(new Uint8Array(1))[0]! & (15 >> (Number(c) / 4)))).toString(16),
  );

export const api = {
  me: () => known(read(client.GET(`${base}/me`))),
  signIn: (body: { name?: string; password?: string; token?: string }) =>
    known(read(client.POST(`${base}/session`, { body: { name: "", password: "", token: "", ...body } }))),
  signOut: () => read(client.DELETE(`${base}/session`)),
  changePassword: (old: string, fresh: string) =>
    known(read(client.PUT(`${base}/me/password`, { body: { old, new: fresh } }))),

  elsewhere: () => read(client.GET(`${base}/oidc`)),
  elsewhereUrl: (next: string, invitation = "") =>
    `${base}/oidc/start?${new URLSearchParams({ next, invitation }).toString()}`,
  invitation: (token: string) => read(client.POST(`${base}/people/invitation`, { body: { token } })),
  join: (token: string, name: string, password: string) =>
    known(read(client.POST(`${base}/people/join`, { body: { token, name, password } }))),

  sessions: () => read(client.GET(`${base}/me/sessions`)),
  endSession: (session: string) => read(client.DELETE(`${base}/me/sessions/{session}`, { params: { path: { session } } })),
  endOtherSessions: () => read(client.DELETE(`${base}/me/sessions`)),
  tokens: () => read(client.GET(`${base}/me/tokens`)),
  createToken: (body: Schemas["TokenCreate"]) => read(client.POST(`${base}/me/tokens`, { body })),
  revokeToken: (name: string) => read(client.DELETE(`${base}/me/tokens/{name}`, { params: { path: { name } } })),

  people: () => read(client.GET(`${base}/people`)),
  changePerson: (person: string, body: Schemas["PersonChange"]) =>
    read(client.PATCH(`${base}/people/{person}`, { params: { path: { person } }, body })),
  signOutPerson: (person: string) =>
    read(client.DELETE(`${base}/people/{person}/sessions`, { params: { path: { person } } })),
  linkFor: (person: string) => read(client.POST(`${base}/people/{person}/link`, { params: { path: { person } } })),
  inviteToAll: (role: Role) => read(client.POST(`${base}/people/invitations`, { body: { role } })),
  takeBackFromAll: (invitation: string) =>
    read(client.DELETE(`${base}/people/invitations/{invitation}`, { params: { path: { invitation } } })),

  team: (project: string) => read(client.GET(`${base}/projects/{project}/team`, one(project))),
  members: (project: string) => read(client.GET(`${base}/projects/{project}/members`, one(project))),
  invite: (project: string, role: Role) =>
    read(client.POST(`${base}/projects/{project}/members/invitations`, { ...one(project), body: { role } })),
  takeBack: (project: string, invitation: string) =>
    read(
      client.DELETE(`${base}/projects/{project}/members/invitations/{invitation}`, {
        params: { path: { project, invitation } },
      }),
    ),
  setRole: (project: string, person: string, role: Role) =>
    read(
      client.PUT(`${base}/projects/{project}/members/{person}`, {
        params: { path: { project, person } },
        body: { role },
      }),
    ),
  review: (project: string) =>
    read(client.GET(`${base}/projects/{project}/review`, { params: { path: { project }, query: { limit: 50 } } })),
  decide: (project: string, item: string, key: string, value: unknown, reason: string, note: string) =>
    read(
      client.POST(`${base}/projects/{project}/items/{item}/decision`, {
        ...itemOf(project, item),
        body: { key, value, reason: reason as Schemas["Decision"]["reason"], note },
      }),
    ),

  projects: () => read(client.GET(`${base}/projects`)),
  project: (project: string) => read(client.GET(`${base}/projects/{project}`, one(project))),
  inspect: (file: File) => {
    const form = new FormData();
    form.append("file", file);
    return read(
      client.POST(`${base}/projects/inspect`, { body: { file: "" }, bodySerializer: () => form }),
    );
  },
  addItems: (project: string, file: File) => {
    const form = new FormData();
    form.append("file", file);
    return read(
      client.POST(`${base}/projects/{project}/items`, {
        ...one(project),
        body: { file: "" },
        bodySerializer: () => form,
      }),
    );
  },
  create: (given: Partial<ProjectCreate> & { name: string }) => {
    const money = { cost_per_label: 0, currency: "USD" };
    const item = { task: "single_label" as const, settings: {}, columns: [], pair: [], classes: [], question: "" };
    return read(client.POST(`${base}/projects`, { body: { ...item, ...money, ...given } }));
  },
  change: (project: string, body: Omit<Schemas["ProjectChange"], "key">) =>
    read(client.PATCH(`${base}/projects/{project}`, { ...one(project), body: { key: uuid(), ...body } })),
  changeClass: (project: string, operation: Schemas["ClassChange"]["operation"], before: string[], after: string[]) =>
    read(
      client.POST(`${base}/projects/{project}/classes`, {
        ...one(project),
        body: { key: uuid(), operation, before, after },
      }),
    ),
  changeGuidelines: (project: string, text: string, classes: Record<string, ClassGuide>) =>
    read(
      client.PUT(`${base}/projects/{project}/guidelines`, { ...one(project), body: { key: uuid(), text, classes } }),
    ),

  next: (project: string, n: number, held: string[]) =>
    read(client.POST(`${base}/projects/{project}/next`, { ...one(project), body: { n, held } })),
  heartbeat: (project: string, lease: string) =>
    read(client.POST(`${base}/projects/{project}/leases/{lease}/heartbeat`, { params: { path: { project, lease } } })),
  release: (project: string, lease: string) =>
    read(
      client.DELETE(`${base}/projects/{project}/leases/{lease}`, {
        params: { path: { project, lease } },
        keepalive: true,
      }),
    ),
  alike: (project: string, item: string, n: number) =>
    read(client.POST(`${base}/projects/{project}/items/{item}/alike`, { ...itemOf(project, item), body: { n } })),
  answer: (project: string, body: AnswerForm) =>
    read(client.POST(`${base}/projects/{project}/answers`, { ...one(project), body })),
  undo: (project: string, seq: number, key: string) =>
    read(
      client.DELETE(`${base}/projects/{project}/answers/{seq}`, { params: { path: { project, seq }, query: { key } } }),
    ),

  item: (project: string, item: string) =>
    read(client.GET(`${base}/projects/{project}/items/{item}`, itemOf(project, item))),
  why: (project: string, item: string) =>
    read(client.GET(`${base}/projects/{project}/items/{item}/why`, itemOf(project, item))),
  history: (project: string, item: string) =>
    read(client.GET(`${base}/projects/{project}/items/{item}/history`, itemOf(project, item))),
  items: (project: string, query: { q?: string; state?: ItemState; class?: string; person?: string; cursor?: string }) =>
    read(client.GET(`${base}/projects/{project}/items`, { params: { path: { project }, query } })),

  questions: (project: string, item = "") =>
    read(client.GET(`${base}/projects/{project}/questions`, { params: { path: { project }, query: { item } } })),
  ask: (project: string, item: string, key: string, text: string) =>
    read(client.POST(`${base}/projects/{project}/items/{item}/questions`, { ...itemOf(project, item), body: { key, text } })),
  reply: (project: string, seq: number, key: string, text: string, example: Schemas["AsExample"] | null) =>
    read(
      client.POST(`${base}/projects/{project}/questions/{seq}/answer`, {
        params: { path: { project, seq } },
        body: { key, text, example },
      }),
    ),

  status: (project: string) => read(client.GET(`${base}/projects/{project}/status`, one(project))),
  curves: (project: string) => read(client.GET(`${base}/projects/{project}/curves`, one(project))),
  rounds: (project: string) => read(client.GET(`${base}/projects/{project}/rounds`, one(project))),
  classes: (project: string) => read(client.GET(`${base}/projects/{project}/classes`, one(project))),
  calibration: (project: string) => read(client.GET(`${base}/projects/{project}/calibration`, one(project))),
  slices: (project: string) => read(client.GET(`${base}/projects/{project}/slices`, one(project))),
  timing: (project: string) => read(client.GET(`${base}/projects/{project}/timing`, one(project))),
  command: (project: string, command: "retrain" | "stop" | "resume" | "settle" | "check", reason = "") =>
    read(
      client.POST(`${base}/projects/{project}/commands/{command}`, {
        params: { path: { project, command } },
        body: { key: uuid(), reason },
      }),
    ),
  eventsUrl: (project: string) => `${base}/projects/${encodeURIComponent(project)}/events`,
  exportUrl: (project: string, format = "csv") => `${base}/projects/${encodeURIComponent(project)}/export?format=${format}`,
  exported: async (project: string, format: string) => {
    const asked = client.GET(`${base}/projects/{project}/export`, {
      params: { path: { project }, query: { format: format as "csv" } },
      parseAs: "blob",
    });
    const content = await read(asked as Promise<Outcome<Blob>>);
    const named = (await asked).response.headers.get("Content-Disposition") ?? "";
    return { content, name: /filename="([^"]+)"/.exec(named)?.[1] ?? `labels.${format}` };
  },
};
