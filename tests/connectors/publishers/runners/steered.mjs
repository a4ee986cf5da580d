// A service with docs/publishers/tocsin.mjs that does what each line of its input says, and answers each with a line.
//     node steered.mjs FILE SETTINGS
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [file, settings] = process.argv.slice(2);
const { Tocsin } = await import(pathToFileURL(file));
const tocsin = new Tocsin(JSON.parse(settings));

class LedgerAway extends Error {
  name = "LedgerAway";
}
const failure = ({ text }) => new LedgerAway(text, { cause: new Error("the disk is gone") });
const circle = {};
circle.itself = circle;
const unsayable = new Error();
Object.defineProperty(unsayable, "message", { get: () => { throw new Error("no"); } });

const DEEDS = {
  problem: ({ document, about }) => tocsin.problem(document, about),
  many: ({ count }) => Array.from({ length: count }, (_, n) => tocsin.problem({ code: `e.p.many.n-${n}` })),
  capture: ({ about, ...said }) => tocsin.capture(failure(said), about),
  observe: ({ kind, members }) => tocsin.observe(kind, members),
  within: ({ traceparent, context, document }) => tocsin.within({ traceparent, context }, () => tocsin.problem(document)),
  request: ({ id }) => {
    tocsin.requests()({ headers: { "x-request-id": id } }, {}, () => tocsin.problem({ code: "e.p.of.a.request" }));
  },
  thrownAgain: () => {
    const [error, now] = [failure({ text: "the same" }), Date.now];
    const keys = [tocsin.capture(error), tocsin.capture(error)];
    Date.now = () => now() + 61_000;
    keys.push(tocsin.capture(error));
    Date.now = now;
    return keys;
  },
  async job({ name, number, of, text }) {
    const work = async (run) => {
      run.progress("half", { done: 5 });
      if (text) throw failure({ text });
    };
    return tocsin.job(name, { attempt: number, attempts: of }, work).then(() => "done", (error) => error.message);
  },
  cannotBeTold: () => [tocsin.problem(circle), tocsin.problem(10n), tocsin.capture(unsayable) && "told"],
  flush: ({ within }) => tocsin.flush(within),
  close: ({ within }) => tocsin.close(within),
  stats: () => tocsin.stats(),
  unhandled: () => { tocsin.watchUnhandled(); setTimeout(() => { throw failure({ text: "nobody caught it" }); }); },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { deed, ...details } = JSON.parse(line);
  console.log(JSON.stringify({ answer: (await DEEDS[deed](details)) ?? null }));
}
