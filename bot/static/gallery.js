// The pictures: the whole collection, or what answers a question, and the way between the two.

import * as address from "./address.js";
import * as api from "./api.js";
import { byId, say } from "./dom.js";
import { Grid, notice } from "./grid.js";
import { Answer, Collection } from "./sources.js";
import { SHORT_WAIT, countDown } from "./talk.js";

/**
 * Shows one question at a time: `{q, photo}`, without both the collection.
 *
 * `on.open(source, index)` opens a picture, `on.href(item)` is its address, `on.locked()` asks
 * for the token.
 */
export class Gallery {
  constructor(on) {
    this.on = on;
    this.question = null;
    this.collection = new Collection();
    this.place = 0;
    this.grid = new Grid({
      open: (index) => on.open(this.source, index),
      href: on.href,
      more: () => this.more(),
    });
    byId("back").onclick = (event) => {
      event.preventDefault();
      on.clear();
    };
  }

  get source() {
    return this.grid.source;
  }

  /** Whether this question is what is shown. */
  shows({ q, photo }) {
    return this.question?.q === q && this.question?.photo === photo;
  }

  /** Show the answer to a question; `y` and `reached` are where the reader was in it before. */
  async show(question, { y = null, reached = 0 } = {}) {
    if (this.source === this.collection) this.place = scrollY;
    if (this.source instanceof Answer) this.source.stop();
    this.question = question;
    notice();
    this.tell("");
    const isAll = !question.q && !question.photo;
    const source = isAll ? this.collection : new Answer((page, signal) => this.ask(question, page, signal));
    document.documentElement.classList.toggle("asked", !isAll);
    byId("back").hidden = isAll;
    byId("topics").hidden = !isAll;
    this.grid.busy = true;
    if (!isAll) this.tell(say("searching"));
    try {
      if (!source.items.length) await (isAll ? source.reach(Math.max(1, reached)) : source.more());
    } catch (error) {
      this.fail(question, error);
      return;
    }
    if (this.question !== question) return;
    while (!isAll && !source.done && source.items.length < reached) {
      try {
        await source.more();
      } catch {
        break;
      }
    }
    this.grid.show(source, say("less_likely"));
    this.grid.busy = false;
    scrollTo({ top: y ?? (isAll ? this.place : 0), behavior: "instant" });
    this.grid.paint();
    this.count(question);
  }

  /** The next pages of a question. Raises Refusal where they do not come. */
  async ask({ q, photo }, page, signal) {
    const words = address.parted(q);
    const once = () => {
      if (photo?.file) return api.similar(photo.file, { text: q, ...page }, signal);
      if (photo) return api.like(photo.id, { text: q, ...page }, signal);
      return api.find({ ...words, ...page }, signal);
    };
    for (let tries = 0; ; tries += 1) {
      try {
        return await once();
      } catch (error) {
        if (tries > 1 || !(error.retryAfter <= SHORT_WAIT)) throw error;
        await countDown(error.retryAfter, (n) =>
          this.tell(n ? say("waiting", { n }) : say("searching")),
        );
      }
    }
  }

  count(question) {
    const { source } = this;
    if (source === this.collection) {
      this.tell("");
      if (!source.items.length) notice({ title: say("empty"), text: say("empty_text") });
      return;
    }
    const { length } = source.items;
    if (!length) {
      this.tell(say("nothing_found"));
      notice({ title: say("nothing_found"), text: say("nothing_found_text") });
    } else if (!source.close) this.tell(say("no_close"));
    else {
      const more = source.line === Infinity ? "+" : "";
      this.tell(say("close_matches", { n: `${source.close}${more}` }));
    }
    document.title = question.q ? `${question.q} – ${say("title")}` : say("title");
  }

  tell(text) {
    byId("answer").textContent = text;
    if (this.source === this.collection) document.title = say("title");
  }

  fail(question, error) {
    if (error.name === "AbortError" || this.question !== question) return;
    this.grid.busy = false;
    this.tell("");
    if (error.status === 403) {
      this.question = null;
      this.on.locked();
      return;
    }
    const empty = error.code === "empty_collection" && !question.q && !question.photo;
    const again = () => {
      this.question = null;
      this.show(question);
    };
    this.grid.show(new Answer(null), "");
    if (empty) notice({ title: say("empty"), text: say("empty_text") });
    else notice({ text: api.reason(error), again });
  }

  /** The next page, once; where it does not come, a button at the end asks again. */
  async more() {
    const { source } = this;
    if (source.coming || source.done || source.failed || !source.items.length) return;
    try {
      await source.more();
    } catch (error) {
      if (error.name === "AbortError" || source !== this.source) return;
      source.failed = true;
      byId("more").hidden = false;
      byId("more-text").textContent = api.reason(error);
      byId("more-again").onclick = () => {
        source.failed = false;
        byId("more").hidden = true;
        this.more();
      };
      return;
    }
    if (source !== this.source) return;
    byId("more").hidden = true;
    this.grid.grow();
    this.count(this.question);
  }

  /** Show what was added or removed meanwhile. */
  async refresh() {
    const { collection } = this;
    const before = collection.items.length;
    try {
      if (!(await collection.refresh())) return;
    } catch {
      return;
    }
    if (this.source !== collection) {
      // Nothing was there to be shown: now there is.
      if (this.question && !this.question.q && !this.question.photo) this.show(this.question);
      return;
    }
    notice();
    this.grid.renewed(collection.items.length - before);
  }
}
