// How far an indexing is: a slim bar in the header.

import * as api from "./api.js";
import { byId } from "./dom.js";

const BUSY_POLL_MS = 700;
const IDLE_POLL_MS = 5000;
const REFRESH_MS = 2000;

/** Looks often while something runs, now and then otherwise; `changed(ended)` follows new pictures. */
export class Indexing {
  constructor(changed) {
    this.changed = changed;
    this.running = false;
    this.told = 0;
    document.addEventListener("visibilitychange", () => !document.hidden && this.watch());
  }

  async watch() {
    clearTimeout(this.polling);
    let running = [];
    let summary;
    if (!document.hidden) {
      try {
        ({ running, summary } = await api.progress());
        // The count goes with the bar: the pictures follow it at a slower pace.
        if (summary) byId("summary").textContent = summary;
        this.draw(running[0]);
      } catch {
        // The next look will tell; a question that fails says so itself.
      }
    }
    clearTimeout(this.polling);
    this.polling = setTimeout(() => this.watch(), running.length ? BUSY_POLL_MS : IDLE_POLL_MS);
  }

  draw(work) {
    byId("work").hidden = !work;
    const ended = this.running && !work;
    this.running = Boolean(work);
    if (work) {
      const bar = byId("work-bar");
      bar.max = work.total || 1;
      if (work.total) bar.value = work.done;
      else bar.removeAttribute("value");
      byId("work-text").textContent = work.text;
    }
    // What is committed meanwhile can be seen and found already.
    if (ended || (work && performance.now() - this.told > REFRESH_MS)) {
      this.told = performance.now();
      this.changed(ended);
    }
  }
}
