"use strict";
// Live rows of tables, relative times, buttons that copy. Pages say what they want by attributes (templates/macros.html);
// without this script they are whole, and as of the moment at which they were asked for.

const SIGNS = { error: "\u2716", warning: "\u25b2", unknown: "\u25cb" };
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const UNITS = [[31557600, "y"], [2629800, "mo"], [86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
const AHEAD = Number(document.body.dataset.now || Date.now() * 1000) / 1000 - Date.now(); // of the clock here, ms
const UNPROVEN = " claimed: nothing proves who sent it";
const LOST = "The connection is lost: what is new is not shown. It is tried again. ";

function text(value) {
  return typeof value === "object" ? "" : String(value).replace(CONTROLS, "\ufffd").slice(0, 500);
}

function member(event, paths) {
  const at = (inner, name) => (inner && Object.hasOwn(inner, name) ? inner[name] : "");
  return paths.split("|").map((path) => path.split(".").reduce(at, event)).find((found) => found !== "") ?? "";
}

function ago(moment) {
  const seconds = (Date.now() + AHEAD - Date.parse(moment)) / 1000, size = Math.abs(seconds);
  if (!(size >= 1)) return "now";
  const [unit, name] = UNITS.find(([unit]) => size >= unit), span = `${Math.floor(size / unit)} ${name}`;
  return seconds > 0 ? `${span} ago` : `in ${span}`;
}

const FILL = { // what `data-...` of an element in a row does with the value
  text(at, value) { at.textContent = text(value); },
  href(at, value) { // of this gateway alone, whatever is said
    const url = URL.canParse(value, location.origin) ? new URL(value, location.origin) : location;
    if (url.pathname.startsWith("/v1/")) at.setAttribute("href", url.pathname + url.search);
  },
  time(at, value) {
    if (!Number.isFinite(Date.parse(value))) return;
    at.dateTime = value;
    at.title = `${new Date(value).toISOString().slice(0, 19).replace("T", " ")} UTC`;
    at.textContent = ago(value);
  },
  sign(at, value, says = ` ${text(value) || "unknown"}`) {
    const known = Object.hasOwn(SIGNS, value) ? value : "unknown";
    const sign = Object.assign(document.createElement("span"), { ariaHidden: "true", textContent: SIGNS[known] });
    at.classList.add(known);
    at.replaceChildren(sign, says);
  },
  trust(at, value) { // marks what is only claimed
    if (value !== "claimed") return;
    at.classList.add("severity");
    FILL.sign(at, "warning", UNPROVEN);
  },
};

class Rows { // of a table's body: each event becomes one
  constructor(body) {
    this.body = body;
    this.row = body.querySelector("template");
    this.most = Number(body.dataset.most) || 50;
    [this.waiting, this.held] = [[], 0]; // events that are not shown yet, never more than may be shown
    body.addEventListener("pointerleave", () => this.draw());
  }

  heard(event) {
    this.waiting.push(event);
    if (this.waiting.length > this.most) this.waiting.shift();
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.frame = 0;
    const held = matchMedia("(hover: hover)").matches && this.body.matches(":hover"); // nothing moves under a mouse
    this.held = held ? this.waiting.length : 0;
    if (!held && this.waiting.length) {
      const there = new Map([...this.body.rows].map((row) => [row.dataset.id, row]));
      const rows = this.waiting.splice(0).reverse().map((event) => this.filled(event));
      this.row.after(...rows.filter((row) => this.isNew(row, there)));
      this.body.closest("[hidden]")?.removeAttribute("hidden");
      [...this.body.rows].slice(this.most).forEach((row) => row.contains(document.activeElement) || row.remove());
      fresh = true;
    }
    show();
  }

  isNew(row, there) { // what is told may be there: the page has it, or it is told again after the connection was lost
    const old = there.get(row.dataset.id);
    if (old && "undecided" in old.dataset) old.replaceWith(row);
    return !old && there.set(row.dataset.id, row);
  }

  filled(event) {
    const row = this.row.content.firstElementChild.cloneNode(true);
    row.classList.add("new");
    row.dataset.id = text(member(event, row.dataset.id));
    for (const [kind, fill] of Object.entries(FILL)) {
      for (const at of row.querySelectorAll(`[data-${kind}]`)) fill(at, member(event, at.dataset[kind]));
    }
    return row;
  }
}

const [seen, spoken] = ["live", "spoken"].map((name) => Object.assign(document.createElement("p"), { className: name }));
const says = document.createElement("span"), load = Object.assign(document.createElement("a"), { textContent: "Load again" });
let fresh = false;
const parts = [...document.querySelectorAll("[data-live]")].map((at) => {
  const url = new URL(at.dataset.live, location.origin), types = url.searchParams.get("type").split(",");
  return { url, types, part: at.matches("tbody") ? new Rows(at) : new Changes(at) };
});
const stream = parts.length ? new Stream(parts) : null;

function show() {
  const held = parts.reduce((sum, one) => sum + (one.part.held || 0), 0), changed = parts.find((one) => one.part.says);
  const lost = stream?.failed > 1; // the first time it only ended
  says.textContent = lost ? LOST : changed?.part.says || (held ? `${held} new: shown when you leave the table.` : "");
  seen.hidden = !says.textContent;
  load.hidden = !lost && !changed;
}

spoken.setAttribute("role", "status"); // a screen reader is told every ten seconds at most
load.href = location.pathname + location.search;
seen.append(says, load);
if (parts.length) document.getElementById("content").prepend(seen, spoken);
setInterval(() => { spoken.textContent = fresh ? says.textContent || "There is something new." : ""; fresh = false; }, 10000);
setInterval(() => {
  if (!document.hidden) document.querySelectorAll("time[title]").forEach((at) => { at.textContent = ago(at.dateTime); });
}, 20000);
for (const form of document.querySelectorAll("form[method=get]")) { // the address has what was said, and nothing else
  form.addEventListener("formdata", ({ formData: said }) => [...said].forEach(([name, value]) => value || said.delete(name)));
}
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const from = document.querySelector(button.dataset.copy);
    getSelection().selectAllChildren(from); // so that it can be copied by hand where a page may not
    await navigator.clipboard?.writeText(from.textContent).then(() => { button.textContent = "Copied"; }, () => {});
  });
}
