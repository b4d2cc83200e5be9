// Where the pictures of a grid come from: page after page, each picture once.

import * as api from "./api.js";

const LISTED = 200;
const RANKED = 60;
const MOST_AT_ONCE = 500;
// No question is answered further: whoever looks at so many, asks otherwise.
const FURTHEST = 5000;

/**
 * Pictures in order. `done`: there are no more; `total` is null where it is not known.
 * `line` is the index behind the last close hit, Infinity as long as it is not known.
 */
class Source {
  constructor() {
    this.items = [];
    this.ids = new Set();
    this.done = false;
    this.total = null;
    this.line = Infinity;
    this.stopper = new AbortController();
    this.coming = null;
  }

  /** The next page; those who ask meanwhile share it. Raises Refusal. */
  more() {
    this.coming ??= this.page().finally(() => {
      this.coming = null;
    });
    return this.coming;
  }

  take(pictures) {
    for (const picture of pictures) {
      if (this.ids.has(picture.id)) continue;
      this.ids.add(picture.id);
      this.items.push(picture);
    }
  }

  stop() {
    this.stopper.abort();
  }
}

/** The whole collection, newest pictures first. */
export class Collection extends Source {
  async page(limit = LISTED) {
    const body = await api.pictures({ after: this.next, limit }, this.stopper.signal);
    this.take(body.pictures);
    this.next = body.next;
    this.total = body.total;
    this.sampled = body.sampled ?? false;
    this.done = !body.next;
  }

  /** Pages until there are so many pictures: where one was before a reload. */
  async reach(count) {
    while (!this.done && this.items.length < count) {
      await this.page(Math.min(MOST_AT_ONCE, Math.max(LISTED, count - this.items.length)));
    }
  }

  /** Take in what was added and removed meanwhile; whether something was. */
  async refresh() {
    const limit = Math.min(MOST_AT_ONCE, Math.max(LISTED, this.items.length));
    const { pictures, total, next } = await api.pictures({ limit }, this.stopper.signal);
    this.total = total;
    const isSame = pictures.every(({ id }, place) => this.items[place]?.id === id);
    if (isSame && (this.items.length === pictures.length || next)) return false;
    const last = pictures.at(-1)?.id;
    const known = last && this.ids.has(last) && next ? this.items.findIndex(({ id }) => id === last) : -1;
    // Behind the last one that is known, all is as it was; else it begins anew from here.
    const rest = known < 0 ? [] : this.items.slice(known + 1);
    this.items = [];
    this.ids.clear();
    this.take([...pictures, ...rest]);
    if (known < 0) {
      this.next = next;
      this.done = !next;
    }
    return true;
  }
}

/** What answers a question: `ask({k, offset}, signal)` gives pages of hits, best first. */
export class Answer extends Source {
  constructor(ask) {
    super();
    this.ask = ask;
    this.offset = 0;
    this.close = 0;
    this.doubtful = false;
    this.soFar = null;
    this.byLetters = false;
    this.note = "";
  }

  async page() {
    const body = await this.ask({ k: RANKED, offset: this.offset }, this.stopper.signal);
    this.offset += body.hits.length;
    this.take(body.hits);
    this.close = (body.strong ?? 0) + (body.fair ?? 0);
    this.doubtful ||= body.doubtful === true;
    // How much was searched, while the collection is indexed for the first time.
    this.soFar = body.so_far ?? null;
    this.byLetters = body.by_letters === true;
    // Where nothing is close: which languages are understood.
    this.note = body.note ?? "";
    this.done = !body.more || !body.hits.length || this.offset > FURTHEST;
    const last = this.items.findLastIndex((hit) => hit.band !== "weak");
    if (last + 1 < this.items.length || this.done) this.line = Math.min(this.line, last + 1);
  }
}

/** Pictures that are there already, as those of a reply in the conversation. */
export class Shown extends Source {
  constructor(items) {
    super();
    this.take(items);
    this.done = true;
    this.total = items.length;
  }

  async page() {}
}
