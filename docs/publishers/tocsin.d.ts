// Types of tocsin.mjs: copied beside it, TypeScript finds them by themselves.

/** What is known of a problem and its document does not say; docs/publish-anywhere.md has the names. */
export interface Context {
  thread_id?: string;
  parent_thread_id?: string;
  request_id?: string;
  connection?: string;
  record_type?: string;
  record_id?: string;
  job?: string;
  service?: string;
  wallet?: string;
  protocol?: string;
  sender?: string;
  side?: "own" | "peer";
  trust?: string;
}

export interface About {
  /** The idempotency key: told again under the same key it is one problem. A random one when nothing is said. */
  key?: string;
  context?: Context;
  /** W3C Trace Context; else that of `within`, or of the setting `traceparent`. */
  traceparent?: string;
  /** How the document is read, when its media type does not say it. */
  dialect?: string;
  mediaType?: string;
}

export interface Settings {
  /** The gateway's address, such as https://bus.example.org (TOCSIN_URL). Without it nothing is published. */
  url?: string;
  /** Sent over https only, or to this machine (TOCSIN_API_KEY). */
  apiKey?: string;
  /** TOCSIN_TENANT; with a key the tenant is the key's. */
  tenant?: string;
  /** TOCSIN_SERVICE. */
  service?: string;
  /** The code of an error; undefined: `e.p.me.` and its name. */
  codes?: (error: unknown) => string | undefined;
  /** The trace of what happens now, of a tracing library. */
  traceparent?: () => string | undefined;
  /** Where a line goes when something was not sent; each kind of line once. */
  log?: (line: string) => void;
  /** How many events, and bytes of them, may wait. */
  maxEvents?: number;
  maxBytes?: number;
  connections?: number;
  /** Milliseconds: of one request; at the end of the process; of the first and the longest pause between attempts. */
  timeout?: number;
  exitWithin?: number;
  firstPause?: number;
  longestPause?: number;
}

export interface Stats {
  sent: number;
  /** By the gateway, or since they cannot be sent at all. */
  refused: number;
  /** For want of room. */
  dropped: number;
  /** What waits, or is under way. */
  left: number;
  bytes: number;
}

export interface Run {
  id: string;
  progress(state: string, detail?: Record<string, unknown>): string | null;
}

export interface JobOptions extends Context {
  /** Which attempt this is, of how many: the failure of the last one says that nobody tries again. */
  attempt?: number;
  attempts?: number;
  /** Whether a failure before the last attempt is a problem already. */
  tellRetries?: boolean;
}

export type ActivityKind =
  "message_sent" | "message_received" | "record_changed" | "job_started" | "job_finished" | "connection_opened";

type Next = (error?: unknown) => void;

export class Tocsin {
  constructor(settings?: Settings);
  problem(document: object | string, about?: About): string | null;
  capture(error: unknown, about?: About & { code?: string }): string | null;
  observe(kind: ActivityKind, members?: Record<string, unknown>, about?: About): string | null;
  job<T>(name: string, work: (run: Run) => T | Promise<T>): Promise<T>;
  job<T>(name: string, options: JobOptions, work: (run: Run) => T | Promise<T>): Promise<T>;
  within<T>(now: { traceparent?: string; context?: Context }, work: () => T): T;
  requests(): (request: any, response: any, next: Next) => void;
  errors(): (error: any, request: any, response: any, next: Next) => void;
  watchUnhandled(): void;
  flush(within?: number): Promise<Stats>;
  close(within?: number): Promise<Stats>;
  stats(): Stats;
}
