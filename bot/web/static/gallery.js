// The pictures: the whole collection, or what answers a question, and the way between the two.

import * as address from "./address.js";
import * as api from "./api.js";
import { byId, say } from "./dom.js";
import { Grid } from "./grid.js";
import { notice } from "./notice.js";
import { Answer, Collection } from "./sources.js";
import { SHORT_WAIT, countDown } from "./waiting.js";

const NOTHING_YET = new Set(["empty_collection", "being_indexed"]);

/**
 * Shows one question at a time: `{q, photo}`, without both the collection.
 *
 * `on.open(source, index)` opens a picture, `on.href(item)` is its address, `on.clear()` leads
 * back to the collection, `on.indexing()` tells whether one is under way, `on.locked()` asks
 * for the token.
 */
export class Gallery {
  constructor(on) {
    this.on = on;
    this.question = null;
    this.collection = new Collection();
    this.place = 0;
    this.again = null;
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
    this.again = null;
    notice();
    this.tell("");
    const isAll = !question.q && !question.photo;
    const source = isAll ? this.collection : new Answer((page, signal) => this.ask(question, page, signal));
    document.documentElement.classList.toggle("asked", !isAll);
    byId("back").hidden = isAll;
    byId("topics").hidden = !isAll;
    this.grid.busy = true;
    if (!isAll) this.tell(say("searching"));
    const begin = () => (isAll ? source.reach(Math.max(1, reached)) : source.more());
    try {
      if (!source.items.length) await this.patiently(question, begin);
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
    // An answer from a part of the collection is renewed as the rest of it comes.
    if (source.soFar) this.again = () => this.renew(question);
  }

  /** Ask a question anew whose answer is shown, at the place where the reader is. */
  renew(question) {
    if (this.question !== question) return;
    const y = scrollY;
    const reached = this.source.items.length;
    this.question = null;
    this.show(question, { y, reached });
  }

  /** Hits of a question, best first. Raises Refusal where they do not come. */
  ask({ q, photo }, page, signal) {
    if (photo?.file) return api.similar(photo.file, { text: q, ...page }, signal);
    if (photo) return api.like(photo.id, { text: q, ...page }, signal);
    return api.find({ ...address.parted(q), ...page }, signal);
  }

  /** Wait out a short quota, and a server that is about to be ready. */
  async patiently(question, once) {
    for (let tries = 0; ; tries += 1) {
      try {
        return await once();
      } catch (error) {
        const starts = error.code === "not_ready";
        if (NOTHING_YET.has(error.code)) throw error;
        if ((tries > 1 && !starts) || !(error.retryAfter <= SHORT_WAIT)) throw error;
        await countDown(error.retryAfter, (n) => {
          if (this.question === question) this.tell(n ? say("waiting", { n }) : say("searching"));
        });
      }
    }
  }

  count(question) {
    const { source } = this;
    if (source === this.collection) {
      this.tell(source.sampled ? say("sampled") : "");
      if (!source.items.length) this.tellEmpty();
      return;
    }
    const { length } = source.items;
    const { searched, total } = source.soFar ?? {};
    const asides = [
      source.soFar ? say("so_far", { searched, total }) : "",
      source.byLetters ? say("by_letters") : "",
      source.note,
    ];
    const soFar = asides.filter(Boolean).map((aside) => ` ${aside}`).join("");
    if (!length) {
      this.tell(say("nothing_found") + soFar);
      notice({ title: say("nothing_found"), text: say("nothing_found_text") });
    } else if (!source.close) this.tell(say(source.doubtful ? "doubtful" : "no_close") + soFar);
    else {
      const more = source.line === Infinity ? "+" : "";
      this.tell(say("close_matches", { n: `${source.close}${more}` }) + soFar);
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
    const again = () => {
      this.question = null;
      this.show(question);
    };
    this.grid.show(new Answer(null));
    this.again = null;
    if (NOTHING_YET.has(error.code)) {
      this.tellEmpty(error.code);
      // Asked again by itself once something is there.
      this.again = again;
    } else notice({ text: api.reason(error), again });
  }

  tellEmpty(code = "") {
    const kind = code === "being_indexed" || this.on.indexing() ? "first_ones" : "empty";
    notice({ title: say(kind), text: say(`${kind}_text`) });
  }

  /** The next page, once; where it does not come, a button at the end asks again. */
  async more() {
    const { source } = this;
    if (source.coming || source.done || source.failed || !source.items.length) return;
    try {
      await this.patiently(this.question, () => source.more());
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

  /** Show what was added or removed meanwhile; `ended`: the indexing has come to its end. */
  async refresh(ended = false) {
    const { collection } = this;
    const before = collection.items.length;
    let isNew = false;
    try {
      isNew = await collection.refresh();
    } catch {
      return;
    }
    if (!isNew && !ended) return;
    const { again } = this;
    this.again = null;
    if (again) again();
    if (!isNew || this.source !== collection) return;
    notice();
    this.grid.renewed(collection.items.length - before);
  }
}
