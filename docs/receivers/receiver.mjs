// A receiver of webhooks in Node (18 or newer): nothing but what is built in.
//
//     WEBHOOK_SECRETS="whsec_... whpk_..." node receiver.mjs 8799
//
// Every request is checked, then done once, then answered 204; docs/receivers.md says why.

import { createHmac, createPublicKey, timingSafeEqual, verify as verifySignature } from "node:crypto";
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const TOLERANCE = 300; // seconds that a request may be old, or ahead
const MAX_SIGNATURES = 16; // entries of webhook-signature that are looked at
const MAX_BODY = 1_000_000; // bytes; those of Tocsin are far smaller
const MAX_SEEN = 100_000; // ids that are remembered

/** What whsec_... or whpk_... verifies with. Throws for a secret that is neither. */
export function readSecret(secret) {
  const [, kind, encoded] = /^(whsec|whpk)_([A-Za-z0-9+/]+={0,2})$/.exec(secret) ?? [];
  const bytes = Buffer.from(encoded ?? "", "base64");
  if (kind === "whsec" && bytes.length >= 24 && bytes.length <= 64) {
    return (content, entries) => {
      const expected = Buffer.from("v1," + createHmac("sha256", bytes).update(content).digest("base64"));
      return entries.some((entry) => entry.length === expected.length && timingSafeEqual(entry, expected));
    };
  }
  if (kind === "whpk" && bytes.length === 32) {
    const jwk = { kty: "OKP", crv: "Ed25519", x: bytes.toString("base64url") };
    const key = createPublicKey({ key: jwk, format: "jwk" });
    return (content, entries) =>
      entries.some((entry) => {
        const text = entry.toString("latin1");
        const signature = Buffer.from(text.slice(4), "base64");
        // one spelling only: Node takes many spellings of base64
        if (!text.startsWith("v1a,") || signature.length !== 64 || text.slice(4) !== signature.toString("base64")) {
          return false;
        }
        return verifySignature(null, content, key, signature);
      });
  }
  throw new Error("a secret is whsec_ and base64 of 24 to 64 bytes, or whpk_ and base64 of 32");
}

/**
 * Why a webhook is not to be trusted, or null if it is.
 * `body` is a Buffer with the bytes as they came, `headers` those of the request, `keys` what readSecret made.
 */
export function refusal(body, headers, keys, now = Math.floor(Date.now() / 1000)) {
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"];
  const signature = headers["webhook-signature"];
  if (!id || !timestamp || !signature) return "missing_header";
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(id) || !/^[0-9]{1,15}$/.test(timestamp)) return "malformed_header";
  if (now - Number(timestamp) > TOLERANCE) return "too_old";
  if (Number(timestamp) - now > TOLERANCE) return "too_new";
  const content = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
  const entries = signature.split(" ", MAX_SIGNATURES).map((entry) => Buffer.from(entry));
  return keys.some((matches) => matches(content, entries)) ? null : "no_match";
}

/** The object that a verified body holds; null if it is none. */
function toldBy(body) {
  try {
    const told = JSON.parse(body.toString("utf8"));
    return typeof told === "object" && !Array.isArray(told) ? told : null;
  } catch {
    return null;
  }
}

/** What a receiver that wants to be told must answer, if this is the question; else null. Of a verified body only. */
function challengeIn(told) {
  return told.type === "endpoint.challenge" ? String(told.data?.challenge) : null;
}

/** What you do with it. Put it into a queue or a table if it takes longer than some seconds. */
async function work(told) {
  console.log("work", told.type);
}

const done = new Set(); // what was done: of a real service a unique column, written in the transaction of the work
const running = new Map(); // two attempts of one delivery at once are one piece of work

/** Reads at most MAX_BODY bytes, or gives null. */
async function read(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BODY) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function take(request, keys) {
  const body = await read(request);
  if (body === null) return [413];
  const refused = refusal(body, request.headers, keys);
  if (refused !== null) {
    console.log("refused", refused);
    return [401];
  }
  const told = toldBy(body);
  if (told === null) {
    console.log("malformed");
    return [400]; // it would be no better if it came again
  }
  const challenge = challengeIn(told);
  if (challenge !== null) return [200, challenge];
  const id = request.headers["webhook-id"];
  if (done.has(id)) return [204]; // a repeat
  if (!running.has(id)) running.set(id, work(told).finally(() => running.delete(id)));
  await running.get(id);
  done.add(id); // after the work: what fails comes again
  if (done.size > MAX_SEEN) done.delete(done.values().next().value);
  return [204];
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  let keys = [];
  try {
    keys = (process.env.WEBHOOK_SECRETS ?? "").split(/\s+/).filter(Boolean).map(readSecret);
    if (keys.length === 0) throw new Error("whsec_... or whpk_... is needed, with spaces in between");
  } catch (error) {
    console.error(`WEBHOOK_SECRETS: ${error.message}`);
    process.exit(78);
  }
  const server = createServer(async (request, response) => {
    const [status, text] = await take(request, keys).catch((error) => {
      console.log("failed", error.name);
      return [503]; // it comes again
    });
    response.writeHead(status, status === 413 ? { connection: "close" } : {}).end(text);
  });
  server.requestTimeout = 15_000;
  server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("listening on", server.address().port));
}
