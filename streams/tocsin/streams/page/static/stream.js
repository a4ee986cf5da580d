"use strict";
// What happens, as the gateway tells it (/v1/events), for what a page shows (live.js).

class Changes { // of what cannot be made of an event alone: what happened is said, with a link that loads the page again
  constructor(at) { [this.at, this.about] = [at, at.dataset.about]; }

  heard(event) {
    const id = event.problem ? event.report : event.event_id, there = [...document.querySelectorAll("[data-id]")];
    if (this.about && event.case !== this.about) return;
    if (there.some((one) => one.dataset.id === id && !("undecided" in one.dataset))) return; // the page has it
    const happened = text(event.type).replace(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase();
    this.says = `${this.at.dataset.says} ${happened}${event.by ? ` by ${text(event.by)}` : ""}. `;
    fresh = true;
    show();
  }
}

class Stream { // one for all of a page, since a browser has few connections
  constructor(parts) {
    [this.parts, this.wait, this.failed] = [parts, 2000, 0];
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
    this.open();
  }

  open() {
    if (this.source || document.hidden) return;
    const url = new URL(this.parts[0].url), types = new Set(this.parts.flatMap((one) => one.types));
    url.searchParams.set("type", [...types]);
    if (this.last) url.searchParams.set("since", this.last); // what comes back says where it was
    this.source = new EventSource(url);
    this.source.onopen = () => { [this.wait, this.failed] = [2000, 0]; show(); };
    this.source.onerror = () => this.broken();
    types.forEach((type) => this.source.addEventListener(type, (told) => this.heard(told)));
  }

  close() {
    clearTimeout(this.again);
    this.source = this.source?.close();
  }

  broken() { // the browser comes back by itself, unless it was refused; that it is lost is said when that fails
    this.failed += 1;
    show();
    if (this.source?.readyState !== EventSource.CLOSED) return;
    this.close();
    this.again = setTimeout(() => this.open(), this.wait * (1 + Math.random()));
    this.wait = Math.min(2 * this.wait, 60000);
  }

  heard(told) {
    this.last = told.lastEventId;
    const event = JSON.parse(told.data);
    this.parts.filter((one) => one.types.includes(told.type)).forEach((one) => one.part.heard(event));
  }
}
