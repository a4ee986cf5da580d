// Runs docs/receivers/receiver.mjs over vectors: a line each of now, secrets, id, time, signature, body ("-": no header).
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { readSecret, refusal } = await import(pathToFileURL(process.argv[2]).href);
const decoded = (field) => Buffer.from(field, "base64");
for await (const line of createInterface({ input: process.stdin })) {
  const [now, secrets, ...rest] = line.split("\t");
  const headers = {};
  ["webhook-id", "webhook-timestamp", "webhook-signature"].forEach((name, index) => {
    if (rest[index] !== "-") headers[name] = decoded(rest[index]).toString("utf8");
  });
  const keys = secrets.split(" ").map(readSecret);
  console.log(refusal(decoded(rest[3]), headers, keys, Number(now)) ?? "accepted");
}
