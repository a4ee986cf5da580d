// Tells Tocsin of problems, jobs and messages, from Node (18 or newer): nothing but what is built in.
//
//     import { Tocsin } from "./tocsin.mjs";
//     const tocsin = new Tocsin({ url: "https://bus.example.org", apiKey: "...", service: "ledger" });
//     tocsin.capture(new Error("page 7 is torn"), { context: { record_id: "r-17" } });
//
// What is told waits in memory and is sent beside the service's own work: nothing here waits, and after the constructor
// nothing throws. docs/publish-anywhere.md says what becomes of it when; tocsin.d.ts has the types.

import { AsyncLocalStorage } from "node:async_hooks";
import { createHash, randomUUID } from "node:crypto";

const MAX_DOCUMENT = 256_000; // bytes that the gateway takes
const MAX_ANSWER = 65_536; // bytes of an answer that are read
const MAX_TEXT = 2048; // characters of an error's text
const MAX_ERRORS = 10; // how many causes, and how many errors of a group, are told
const MAX_FRAMES = 25;
const MAX_WAIT = 3_600_000; // ms that the gateway may ask us to wait
const MAX_FAILURES = 5; // how often one document is sent that the gateway fails on
const EXHAUSTED = "e.p.req.max-retries-exceeded";
const ACTIVITY = ["thread_id", "parent_thread_id", "connection", "record_type", "record_id", "trust", "job"];
const IDS = new Set(["thread_id", "parent_thread_id", "request_id"]); // of contexts, besides all of activity
const OF_ACTIVITY = new Set([...IDS, "message_id", "connection", "record_id"]);
const SAME_FOR = 60_000; // ms for which an error that is captured again is the same problem
const KEY = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const AGAIN = new Set([0, 408, 429, 500, 502, 503, 504]); // answers after which it is sent again; 0: there was none

// What is plainly a secret, as in the bus itself: docs/reliability.md#secrets-in-events.
const SECRET_ENDINGS = ("password passwd passphrase dbpwd userpwd secret token cookie apikey accesskey privatekey secretkey " +
  "accountkey storagekey walletkey signingkey encryptionkey masterkey didseed walletseed privatekeymultibase " +
  "privatekeybase58 privatekeyjwk privatekeyhex privatekeypem secretkeymultibase secretkeybase58 secretkeyjwk " +
  "secretkeyhex secretkeypem").split(" ");
const SECRET_NAMES = new Set(["authorization", "proxyauthorization", "xauthorization", "pwd", "seed", "mnemonic"]);
const OF_JWK = new Set(["d", "k", "p", "q", "dp", "dq", "qi", "oth"]); // what nobody else may know of a key
const OF_IDS = /(?:ids?|ack|sha256|digest|case|traceparent)$/i; // names of members whose digits are no card number
const NAMED = "(?<name>passw(?:or)?d|passphrase|pwd|secret|seed|mnemonic|(?:api|access|private|secret|account|storage|wallet" +
  "|signing|encryption|master)[_-]?key(?:[_-]?(?:multibase|base58|jwk|hex|pem))?|token)";
const FOLDED = "(?:[ \\t]{0,4}\\r?\\n[ \\t]{1,32})"; // where a line goes on in the next one
const WORD = /[^\s"'&;,<>\\]+/y;
const CREDENTIAL = /[A-Za-z0-9._~+/-]+/y;
const KNOWN_SCHEME = /(?:api-?key|dpop|oauth|aws4-hmac-sha256)[ \t]{1,4}/iy;
const SCHEME = /(?:[A-Za-z][a-z-]{0,20}|[A-Z-]{1,20})[ \t]{1,4}/y;

const WHOLE = [ // the secret itself, and what stands in its place; the first group stays
  [/()-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[^]*?(?:-----END [A-Z0-9 ]{1,60}-----|$)/g, "private key"],
  [/()(?<![A-Za-z0-9])whs(?:ec|k)_[A-Za-z0-9+/_=-]{8,}/g, "webhook secret"],
  [/()(?<![A-Za-z])eyJ[A-Za-z0-9_-]{5,2000}(?:\.[A-Za-z0-9_-]*){2,4}(?:~[A-Za-z0-9_.-]*)*/g, "JWT"],
  [new RegExp("()(?<![A-Za-z0-9])(?:gh[oprsu]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}|[rs]k_(?:live|test)_[A-Za-z0-9]{8,}" +
    "|xox[abeoprs]-[A-Za-z0-9-]{8,}|npm_[A-Za-z0-9]{24,}|glpat-[A-Za-z0-9_-]{16,}|AIza[A-Za-z0-9_-]{30,}" +
    "|sk-(?:[a-z0-9]{1,16}-){0,3}[A-Za-z0-9_]{20,}[A-Za-z0-9_-]*|hooks\\.slack\\.com/services/[A-Za-z0-9/_-]{16,}" +
    "|tocsin_[a-z0-9]{4,32}_[A-Za-z0-9_-]{16,}|A(?:KI|SI)A[A-Z0-9]{16}(?![A-Za-z0-9])" +
    "(?:[\\s:,;/\"'=]{1,4}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+]))?)", "g"), "API key"],
  [/(\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s/?#@:"'<>]*:)[^\s/?#@"'<>]+(?:@[^\s/?#@"'<>,;]+)*(?=@)/gi, "password"],
  [/([?&](?:sig|(?:x-amz-|x-goog-)?signature)=)[A-Za-z0-9%/+_-]{16,}=*/gi, "value"],
];
const PRIVATE_JWK = /(["'](?:d|k|p|q|dp|dq|qi)\\{0,8}["']\s{0,8}:\s{0,32}[bBuU]?\\{0,8}["'])[A-Za-z0-9_-]{20,}=*/g;

const INTRODUCED = [ // what stands before a secret, where it begins and ends, and what stands in its place
  [/authorization\\{0,8}["']?[ \t]{0,4}[:=][ \t]{0,4}b?\\{0,8}["']?/gi, credentials, "credentials"],
  [new RegExp(`(?<![a-z])(?:bearer|basic)(?:[ \\t]+|${FOLDED})`, "gi"), bearer, "credentials"],
  [new RegExp(`${NAMED}[ \\t]?(?:=>?|:=)[ \\t]?`, "gi"), anyValue, "value"],
  [new RegExp(`(?:${NAMED}|cookie2?)\\\\*["'](?:\\s{0,8}(?::|=>?)\\s{0,32}` +
    `|[ \\t]{0,4},[ \\t]{0,4}(?=b?\\\\{0,8}["'][^"'\\\\\\r\\n]{0,64}[0-9]))`, "gi"), anyValue, "value"],
  [new RegExp(`(?<!unexpected )(?<!unknown )${NAMED}[ \\t]?:(?:${FOLDED}|[ \\t]{0,4})`, "gi"), saidValue, "value"],
  [new RegExp(`(?<![\\w-])--(?:[a-z0-9]{1,20}-){0,3}${NAMED}[ \\t]{1,4}`, "gi"), saidValue, "value"],
  [new RegExp(`${NAMED}>`, "gi"), (text, at) => span(text, at, /[^<>\r\n]+(?=<\/)/y), "value"],
  [/(?<!\S)-(?:u|-user)[ =]{1,2}["']?[^\s:"'/]{1,64}:/g, (text, at) => span(text, at, /[^\s"'/:]{3,}/y), "value"],
  [/(?<![a-z])cookie2?[ \t]*:[ \t]*(?=[^\s=;]{1,200}=)/gi, (text, at) => span(text, at, /[^\r\n]+/y), "cookie"],
];

/** Where the expression, which is sticky, matches from here on. */
function span(text, at, expression) {
  expression.lastIndex = at;
  const found = expression.exec(text);
  return found ? [at, at + found[0].length] : null;
}

/** Whether what begins here is made by a machine, as opposed to a word (`Basic authentication`, `token: expired`). */
function made(text, at, expression) {
  const end = span(text, at, expression)?.[1] ?? at;
  const run = text.slice(at, Math.min(end, at + 32));
  return run.length === 32 || /[0-9]/.test(run) || (/[a-z]/.test(run.slice(1)) && /[A-Z]/.test(run.slice(1)));
}

function credentials(text, at) {
  const scheme = span(text, at, KNOWN_SCHEME) ?? span(text, at, SCHEME);
  for (const from of scheme ? [scheme[1], at] : [at]) { // the first of two words names a scheme
    const word = span(text, from, WORD);
    const taken = /^(?:\[redacted|[^\s"'&;,<>\\]{1,24}[ \t]{1,4}\[redacted)/.test(text.slice(from, from + 64));
    if (!taken && word && word[1] - from >= 4 && made(text, from, WORD)) return word;
  }
  return null;
}

function bearer(text, at) {
  return made(text, at, CREDENTIAL) ? span(text, at, /[A-Za-z0-9._~+/-]{8,}=*/y) : null;
}

/** A quoted value; [at, at] is none; null: it has no quote. A quote with more backslashes than the first ends nothing. */
function quoted(text, at) {
  const open = /[bBrRuUfF]{0,2}(\\*)(["'])/y;
  open.lastIndex = at;
  const [whole, back, quote] = open.exec(text) ?? [];
  if (!whole) return null;
  const start = at + whole.length;
  let end = start;
  while (end < text.length && text[end] !== "\r" && text[end] !== "\n") {
    let slashes = 0;
    while (text[end + slashes] === "\\") slashes += 1;
    const ends = text[end + slashes] === quote;
    if (ends && slashes <= back.length) break;
    end += slashes + (ends || slashes === 0 ? 1 : 0);
  }
  return [start, end];
}

/** A list or an object to its end; what is quoted where a value begins may hold brackets. */
function bracketed(text, at) {
  let [depth, end] = [0, at];
  for (; end < text.length; end += 1) {
    if ("[({".includes(text[end])) depth += 1;
    else if ("])}".includes(text[end]) && --depth === 0) return [at, end + 1];
    else if (/["'\\]/.test(text[end]) && /[[({,:\s]b?$/.test(text.slice(Math.max(at, end - 2), end))) {
      const inner = quoted(text, end);
      if (inner) end = inner[1] + (text[inner[1]] === "\\" ? inner[0] - end - 1 : 0);
    }
  }
  return [at, end];
}

function anyValue(text, at) {
  const found = quoted(text, at);
  if (found) return found;
  if (!"[({".includes(text[at] ?? " ") || text.startsWith("[redacted", at)) return span(text, at, /[^\s"'&;,<>\\]{3,}/y);
  const [, end] = bracketed(text, at);
  return [at, span(text, end, /[^\s"'&;,<>\\)\]}]+/y)?.[1] ?? end];
}

function saidValue(text, at) {
  const found = quoted(text, at);
  if (found) return found;
  const word = /^(?:did:|https?:|urn:)/.test(text.slice(at, at + 6)) ? null : span(text, at, WORD);
  return word && word[1] - at >= 4 && made(text, at, WORD) ? word : null;
}

/** The text without what an introduction announces. */
function withoutIntroduced(text, [introduction, value, kind]) {
  let [clean, at] = ["", 0];
  introduction.lastIndex = 0;
  for (let found; (found = introduction.exec(text)); ) {
    const from = found.index + found[0].length;
    const name = (found.groups?.name ?? "").toLowerCase();
    const before = text.slice(0, found.index + found[0].toLowerCase().indexOf(name)).slice(-3).toLowerCase();
    const seed = name !== "seed" || !/[a-z]$/.test(before) || before === "did" || before === "let";
    const [start, end] = (seed && value(text, from)) || [from, from];
    if (end === start || text.startsWith("[redacted", start)) continue;
    clean += `${text.slice(at, start)}[redacted ${kind}]`;
    at = introduction.lastIndex = end;
  }
  return clean + text.slice(at);
}

/** Digits in groups without the card number that they begin with, if they do (Luhn). */
function withoutCard(digits) {
  const ends = [...digits.matchAll(/[0-9]/g)].map(({ index }) => index + 1);
  for (const length of [16, 15, 14, 19, 18, 17, 13]) {
    if (length > ends.length || /[0-9]/.test(digits[ends[length - 1]] ?? "")) continue;
    const each = [...digits.slice(0, ends[length - 1]).replace(/[^0-9]/g, "")].reverse().map(Number);
    const sum = each.reduce((all, one, place) => all + (place % 2 ? Math.floor(one / 5) + ((2 * one) % 10) : one), 0);
    if (sum % 10 === 0) return `[redacted card number]${digits.slice(ends[length - 1])}`;
  }
  return digits;
}

function cleanText(text, name) {
  let before;
  for (let pass = 0; pass < 5 && text !== before; pass += 1) { // what was taken out may have hidden another one
    before = text;
    for (const [secret, kind] of WHOLE) text = text.replace(secret, `$1[redacted ${kind}]`);
    if (text.includes("kty")) text = text.replace(PRIVATE_JWK, "$1[redacted private key]");
    for (const one of INTRODUCED) text = withoutIntroduced(text, one);
    if (!OF_IDS.test(name)) text = text.replace(/(?<![\w.+])[2-6](?:[ -]?[0-9]){12,18}(?!\w)/g, withoutCard);
  }
  return text;
}

function isSecretName(name) {
  const folded = name.slice(name.lastIndexOf(".") + 1).toLowerCase().replace(/[_-]/g, "");
  return SECRET_NAMES.has(folded) || SECRET_ENDINGS.some((ending) => folded.endsWith(ending));
}

const isEmpty = (value) => value === null || value === "" || typeof value === "boolean" ||
  (typeof value === "object" && Object.keys(value).length === 0);

/** A JSON value without what is plainly a secret, and without halves of characters, which no event can carry. */
function withoutSecrets(value, name = "") {
  if (typeof value === "string") return cleanText(value.replace(/\p{Surrogate}/gu, "\ufffd"), name);
  if (typeof value === "number") {
    const clean = Number.isInteger(value) && value >= 1e12 && value < 1e19 ? cleanText(String(value), name) : "";
    return clean.startsWith("[") ? clean : value;
  }
  if (Array.isArray(value)) return value.map((one) => withoutSecrets(one, name));
  if (value === null || typeof value !== "object") return value;
  const known = typeof value.key === "string" ? value.key : ""; // of an item
  const secret = (key) => isSecretName(key) || ("kty" in value && OF_JWK.has(key)) || (key === "value" && isSecretName(known));
  return Object.fromEntries(Object.entries(value).map(([key, one]) =>
    [cleanText(key, ""), !isEmpty(one) && secret(key) ? "[redacted value]" : withoutSecrets(one, key)]));
}

/** Whether the gateway takes this of a context: with one that it does not, it would refuse the whole report. */
function usable(name, value, ids = IDS) {
  const [said, isId] = [String(value), ids.has(name)];
  if (said.length > (isId ? 255 : 2048) || !/^(?: |[^\p{C}\p{Z}])*$/u.test(said)) return false;
  return !isId || /[\p{L}\p{N}]/u.test(said);
}

/** What is read, as a text; "" when reading it fails: an error whose message throws is still a problem. */
function text(read) {
  try {
    return String(read() ?? "").slice(0, MAX_TEXT);
  } catch {
    return "";
  }
}

const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";
const nameOf = (error) => text(() => error.name) || "Error";
const told = (error) => `${nameOf(error)}: ${text(() => error.message)}`;

/** The frames of an error, the outermost first, without folders: where something is installed is nobody's business. */
function framesOf(error) {
  const frame = /^\s*at (?:(.*?) \()?(?:.*[\\/])?([^\\/]+?):(\d+):\d+\)?$/;
  const lines = text(() => error.stack).split("\n").map((line) => frame.exec(line)).filter(Boolean);
  return lines.slice(0, MAX_FRAMES).map(([, of, file, line]) => `${file}:${line}${of ? ` ${of}` : ""}`).reverse();
}

/** The document of an error: its text, where it was thrown, what caused it. */
function documentOf(thrown, code) {
  const error = thrown instanceof Error ? thrown : { name: "NonError", message: text(() => thrown) };
  const [name, message, frames] = [nameOf(error), text(() => error.message), framesOf(error)];
  const items = [{ key: "error_code", value: text(() => error.code) }, { key: "raised_at", value: frames.at(-1) }];
  const seen = new Set([error]);
  try {
    for (let cause = error.cause; cause && !seen.has(cause) && seen.size <= MAX_ERRORS; cause = cause.cause) {
      seen.add(cause);
      items.push({ key: "caused_by", value: cause instanceof Error ? told(cause) : text(() => cause) });
    }
    for (const one of [...(error.errors ?? [])].slice(0, MAX_ERRORS)) items.push({ key: "among", value: told(one) });
  } catch {} // what cannot be read of it is not told
  if (frames.length > 1) items.push({ key: "stack", value: frames.join("\n") });
  const words = name.replace(/(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, "-").toLowerCase();
  const token = words.replace(/[^a-z0-9-]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 64) || "error";
  return {
    code: code || `e.p.me.${token}`, text: message || name, noticed_at: Date.now() * 1000,
    http: { title: name, detail: message || undefined }, items: items.filter((item) => item.value),
  };
}

/** What a problem document says, or the beginning of what is none. */
function wordsOf(answer) {
  try {
    const { title, detail, pointer, expected } = JSON.parse(answer);
    return [title, detail, pointer, expected].filter((one) => typeof one === "string").join(". ").slice(0, 500);
  } catch {
    return answer.slice(0, 500);
  }
}

const around = new AsyncLocalStorage(); // { traceparent, context } of what happens now

export class Tocsin {
  #settings;
  #url = null;
  #headers = {};
  #queue = []; // { path, headers, body, failures }
  #bytes = 0; // of what waits and of what is under way
  #sending = new Map(); // an AbortController for each request -> when it is over
  #failures = 0; // in a row
  #notBefore = 0;
  #timer = null;
  #closed = false;
  #flushing = new Set();
  #said = new Set();
  #over = false; // after close() nothing is sent any more
  #keys = new WeakMap(); // error -> its key and when: captured again soon it is the same problem
  #counts = { sent: 0, refused: 0, dropped: 0 };

  /** tocsin.d.ts says what may be set. Throws a TypeError for an address, or a key, that cannot be. */
  constructor(settings = {}) {
    this.#settings = {
      url: process.env.TOCSIN_URL, apiKey: process.env.TOCSIN_API_KEY, tenant: process.env.TOCSIN_TENANT,
      service: process.env.TOCSIN_SERVICE, codes: () => undefined, traceparent: () => undefined,
      log: (line) => console.error(`tocsin: ${line}`), maxEvents: 1000, maxBytes: 8 * 1024 * 1024, connections: 4,
      timeout: 15_000, exitWithin: 5000, firstPause: 500, longestPause: 30_000, ...settings,
    };
    const { url, apiKey, tenant } = this.#settings;
    this.#headers = { "user-agent": "tocsin-publisher-js", ...(tenant && { "tocsin-tenant": tenant }) };
    if (!url) return this.#say("no url", "nothing is published: there is no url, and no TOCSIN_URL");
    if (!/^https?:\/\/[^/?#@\s]+(\/[^?#\s]*)?$/.test(url)) {
      throw new TypeError("url: the gateway's address is like https://bus.example.org, without user or query");
    }
    const { protocol, hostname } = new URL(url);
    if (apiKey && !/^[\x21-\x7e]+$/.test(apiKey)) throw new TypeError("apiKey: printable ASCII is expected");
    if (apiKey && protocol === "http:" && !["localhost", "127.0.0.1", "[::1]"].includes(hostname)) {
      throw new TypeError(`apiKey: it would be readable by all between here and ${hostname}: use https`);
    }
    if (apiKey) this.#headers.authorization = `Bearer ${apiKey}`;
    this.#url = url.replace(/\/+$/, "");
    process.once("beforeExit", () => this.#end(this.#settings.exitWithin));
    process.once("exit", () => this.#sayLost());
  }

  /** Tell a problem: a document in any dialect. Its idempotency key, or null when it was not taken. Never throws. */
  problem(document, about = {}) {
    if (document instanceof Error) return this.capture(document, about);
    return this.#guarded(() => this.#put("problems", document, about));
  }

  /** Tell an error; the same error again is the same problem. Its idempotency key, or null. Never throws. */
  capture(error, about = {}) {
    return this.#guarded(() => {
      const known = isObject(error) ? this.#keys.get(error) : undefined;
      if (known && Date.now() - known.at < SAME_FOR) return known.key;
      const code = about.code ?? this.#guarded(() => this.#settings.codes(error));
      const document = { ...documentOf(error, code), ...about.members };
      document.items = [...(about.items ?? []), ...document.items];
      const key = this.#put("problems", document, { mediaType: "application/vnd.tocsin.problem+json", ...about });
      if (key && isObject(error)) this.#keys.set(error, { key, at: Date.now() });
      return key;
    });
  }

  /** Tell what explains problems: a kind such as `job_started`, and members. Its key, or null. Never throws. */
  observe(kind, members = {}, about = {}) {
    return this.#guarded(() => {
      const context = { ...around.getStore()?.context, ...about.context };
      const named = ACTIVITY.filter((name) => context[name]).map((name) => [name, context[name]]);
      const all = [...named, ...Object.entries(members)];
      const of = Object.fromEntries(all.filter(([name, value]) => this.#usable(name, value, OF_ACTIVITY)));
      const given = { service: this.#settings.service, ...members.detail };
      const said = Object.entries(given).filter(([, value]) => value !== undefined && value !== null);
      const detail = Object.fromEntries(said.map(([name, value]) => [name, String(value)]));
      return this.#put("activity", { kind, occurred_at: Date.now() * 1000, ...of, detail }, about);
    });
  }

  /** Do `work(run)` as a job: its start, its progress and its end are told; its error is told, and thrown on. */
  async job(name, options, work) {
    if (typeof options === "function") [options, work] = [{}, options];
    const { attempt, attempts, tellRetries, ...context } = options ?? {};
    const [id, began] = [randomUUID().replaceAll("-", ""), performance.now()];
    const tell = (kind, detail, more) =>
      this.observe(kind, { job: name, ...more, detail: { run: id, attempt, attempts, ...detail } });
    const progress = (record_state, detail) =>
      tell("record_changed", detail, { record_type: "job", record_id: id, record_state });
    const seconds = () => ((performance.now() - began) / 1000).toFixed(3);
    return this.within({ context: { job: name, ...context } }, async () => {
      tell("job_started");
      try {
        const result = await work({ id, progress });
        tell("job_finished", { outcome: "done", seconds: seconds() });
        return result;
      } catch (error) {
        const again = attempt < attempts;
        if (again) progress("retrying", { error: nameOf(error) });
        const failure = () => this.#failure(error, id, attempt, attempts);
        if (!again || tellRetries) this.capture(error, this.#guarded(failure) ?? {});
        tell("job_finished", { outcome: again ? "retrying" : "failed", seconds: seconds() });
        throw error;
      }
    });
  }

  /** Do `work()`; what is told within has this context and this trace. */
  within({ traceparent, context }, work) {
    const now = around.getStore();
    const trace = TRACEPARENT.test(traceparent ?? "") ? { traceparent } : {};
    return around.run({ ...now, ...trace, context: { ...now?.context, ...context } }, work);
  }

  /** For Express and its like, before the routes: the trace and the id of a request belong to what is told within it. */
  requests() {
    return ({ headers }, response, next) => {
      const { traceparent, "x-request-id": said } = headers;
      const request_id = /^[\x20-\x7e]{1,255}$/.test(said ?? "") && usable("request_id", said) ? said : undefined;
      this.within({ traceparent, context: request_id ? { request_id } : {} }, next);
    };
  }

  /** For Express and its like, after the routes: errors are told, but for those of the client (4xx), and handed on. */
  errors() {
    return (error, request, response, next) => {
      const status = this.#guarded(() => error.status ?? error.statusCode);
      if (!(status >= 400 && status < 500)) this.capture(error);
      next(error);
    };
  }

  /** Errors that nobody catches are told before they end the process, as they would have, with exit code 1. */
  watchUnhandled() {
    process.once("uncaughtException", async (error) => {
      this.capture(error);
      console.error(error);
      await this.#end(this.#settings.exitWithin);
      process.exit(1);
    });
  }

  /** Wait until nothing is waiting any more, at most `within` ms. What was done, and what is `left`. */
  flush(within = this.#settings.exitWithin) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => done(), within);
      const done = () => {
        clearTimeout(timer);
        this.#flushing.delete(done);
        resolve(this.stats());
      };
      this.#flushing.add(done);
      this.#pump();
    });
  }

  /** Flush, and end: what is left is given up, and said. Nothing is taken any more. */
  async close(within = this.#settings.exitWithin) {
    this.#closed = true;
    await this.#end(within);
    this.#sayLost();
    return this.stats();
  }

  /** sent; refused by the gateway; dropped, for want of room; left: what waits or is under way; bytes: of that. */
  stats() {
    return { ...this.#counts, left: this.#queue.length + this.#sending.size, bytes: this.#bytes };
  }

  #failure(error, run, attempt, attempts) {
    const [name, last] = [nameOf(error), attempt >= attempts];
    const party = attempt === undefined || attempts === undefined ? "unknown" : last ? "none" : "reporter";
    const http = {
      type: `error:${this.#settings.service ?? "service"}:${name}`, title: name, status: 500,
      detail: text(() => error.message) || undefined, instance: `error:instance:${randomUUID()}`,
    };
    const code = this.#guarded(() => this.#settings.codes(error)) ?? (last ? EXHAUSTED : undefined);
    const count = attempt !== undefined && attempts !== undefined ? `${attempt} of ${attempts}` : attempt;
    const about = [["run", run], ["attempt", count]].filter(([, value]) => value !== undefined);
    const items = about.map(([key, value]) => ({ key, value: String(value) }));
    return { code, items, members: { http, retry_party: party } };
  }

  #put(what, document, about) {
    if (!this.#url) return null;
    const plain = typeof document === "string";
    const clean = withoutSecrets(plain ? document : JSON.parse(JSON.stringify(document)));
    const body = Buffer.from(plain ? clean : JSON.stringify(clean));
    const [settings, now, left] = [this.#settings, around.getStore(), this.stats().left];
    if (body.length > MAX_DOCUMENT) {
      return this.#refuse("too large", `a document has ${body.length} bytes: ${MAX_DOCUMENT} are taken`);
    }
    if (this.#closed || left >= settings.maxEvents || this.#bytes + body.length > settings.maxBytes) {
      this.#counts.dropped += 1;
      return this.#say("full", this.#closed ? "told after the end: not sent" : `${left} events wait: the queue is full`);
    }
    const said = String(about.key ?? randomUUID());
    const key = KEY.test(said) ? said : createHash("sha256").update(said).digest("hex");
    const traceparent = about.traceparent ?? now?.traceparent ?? this.#guarded(settings.traceparent);
    const headers = {
      ...this.#headers, "idempotency-key": key,
      "content-type": about.mediaType ?? (plain ? "text/plain" : "application/json"),
      ...(TRACEPARENT.test(traceparent ?? "") && { traceparent }),
    };
    const context = { service: settings.service, ...now?.context, ...about.context, dialect: about.dialect };
    const query = new URLSearchParams(what === "problems" ? Object.entries(context).filter(([name, value]) => value && this.#usable(name, value)) : []);
    this.#queue.push({ path: `/v1/${what}?${query}`.replace(/\?$/, ""), headers, body, failures: 0 });
    this.#bytes += body.length;
    this.#pump();
    return key;
  }

  /** What a peer, a proxy or a caller gave and the gateway would refuse is left out, and that is said. */
  #usable(name, value, ids = IDS) {
    const may = typeof value !== "string" || usable(name, value, ids);
    if (!may) this.#say(`context ${name}`, `a ${name} is left out: the gateway would refuse it`);
    return may;
  }

  /** Send what may be sent now, on so many connections at once; after a failure on one, until it went well. */
  #pump() {
    clearTimeout(this.#timer);
    const wait = this.#notBefore - Date.now();
    if (!this.#over && this.#queue.length && wait > 0) this.#timer = setTimeout(() => this.#pump(), wait).unref();
    const most = this.#over ? 0 : this.#failures ? 1 : this.#settings.connections;
    while (this.#queue.length && wait <= 0 && this.#sending.size < most) {
      const abort = new AbortController();
      this.#sending.set(abort, this.#send(this.#queue.shift(), abort));
    }
    if (this.stats().left === 0) for (const done of this.#flushing) done();
  }

  async #send(entry, abort) {
    const answer = await this.#ask(entry, abort);
    this.#sending.delete(abort);
    this.#bytes -= entry.body.length;
    const went = answer.status === 202; // whatever else says that all is well, a page to log in, has not taken it
    if (went) [this.#failures, this.#counts.sent] = [0, this.#counts.sent + 1];
    if (went && this.#said.delete("away")) this.#said.delete("full");
    const again = AGAIN.has(answer.status) && (answer.status !== 500 || ++entry.failures < MAX_FAILURES);
    const why = answer.status < 400 ? "is that its address?" : answer.said;
    if (!went && again) this.#later(entry, answer);
    else if (!went) this.#refuse(`refused ${answer.status}`, `the gateway answers ${answer.status}: ${why}`);
    this.#pump();
  }

  /** The answer, with status 0 if there is none. Never rejects. */
  async #ask({ path, headers, body }, abort) {
    const timer = setTimeout(() => abort.abort(new Error("no answer in time")), this.#settings.timeout).unref();
    try {
      const options = { method: "POST", headers, body, redirect: "manual", signal: abort.signal };
      const response = await fetch(this.#url + path, options);
      let said = Buffer.alloc(0);
      for await (const part of response.body ?? []) {
        said = Buffer.concat([said, part]);
        if (said.length > MAX_ANSWER) break;
      }
      const after = response.headers.get("retry-after") ?? "";
      const wait = /^\d+$/.test(after) ? Number(after) * 1000 : Date.parse(after) - Date.now();
      const bounded = Math.min(Math.max(wait || 0, 0), MAX_WAIT);
      return { status: response.status, said: wordsOf(said.toString()), wait: bounded };
    } catch (error) {
      return { status: 0, said: told(error.cause ?? error), wait: 0 };
    } finally {
      clearTimeout(timer);
    }
  }

  #later(entry, { status, said, wait }) {
    this.#queue.unshift(entry);
    this.#bytes += entry.body.length;
    const { firstPause, longestPause } = this.#settings;
    if (this.#over) return;
    if (Date.now() >= this.#notBefore) this.#failures += 1;
    const pause = Math.min(firstPause * 2 ** (this.#failures - 1), longestPause) * (0.8 + 0.4 * Math.random());
    this.#notBefore = Math.max(this.#notBefore, Date.now() + Math.max(wait, pause));
    this.#say("away", `the gateway does not take events now (${status || said}); what is told waits in memory`);
  }

  #refuse(kind, line) {
    this.#counts.refused += 1;
    return this.#say(kind, line);
  }

  async #end(within) {
    if (this.stats().left && !this.#over) await this.flush(within);
    this.#over = this.#closed;
    const under = [...this.#sending];
    for (const [abort] of under) abort.abort(new Error("ended"));
    await Promise.allSettled(under.map(([, over]) => over));
  }

  #sayLost() {
    const { left, dropped, refused } = this.stats();
    const line = `ended with ${left} events not sent, ${dropped} dropped, ${refused} refused`;
    if (left || dropped || refused) this.#say("lost", line);
  }

  #guarded(work) {
    try {
      return work() ?? null;
    } catch (error) {
      return this.#refuse("cannot be told", `something cannot be told: ${told(error)}`);
    }
  }

  /** Say it in the log, each kind once; null. */
  #say(kind, line) {
    if (!this.#said.has(kind)) {
      this.#said.add(kind);
      try {
        this.#settings.log(line);
      } catch {} // a log that fails is no matter of the service's
    }
    return null;
  }
}
