// What is known of the picture in the viewer: score, captions, file, size, date, labels.

import * as api from "./api.js";
import { byId, make, say } from "./dom.js";
import { decimal, scoreOf, wordsOf } from "./tile.js";

const REST_MS = 60;
const WIDE = matchMedia("(min-width: 900px)");

/** The panel beside the picture; `find(label)` searches a label, `known(details)` hears of all. */
export class Details {
  constructor(find, known) {
    this.find = find;
    this.known = known;
    this.panel = byId("viewer-panel");
    this.list = byId("viewer-facts");
    this.stopper = new AbortController();
  }

  /** Open beside the picture where there is room for both. */
  opened() {
    this.expand(WIDE.matches);
  }

  toggle() {
    this.expand(this.panel.hidden);
  }

  expand(open) {
    this.panel.hidden = !open;
    byId("viewer-about").setAttribute("aria-expanded", String(open));
  }

  stop() {
    clearTimeout(this.rest);
    this.stopper.abort();
  }

  /** Show what the grid knows at once, and the rest when it has come. */
  show(item) {
    this.stop();
    this.stopper = new AbortController();
    const { signal } = this.stopper;
    this.draw(item, {});
    // Not for each picture that is leafed past.
    this.rest = setTimeout(async () => {
      try {
        const details = await api.details(item.id, signal);
        this.draw(item, details);
        this.known(details);
      } catch {
        // What is drawn already is true; the file's own page says what is wrong with it.
      }
    }, REST_MS);
  }

  draw(item, details) {
    const all = { ...item, ...details };
    const score = scoreOf(item);
    const rows = [
      ["score", score && this.score(item, score)],
      ["captions", this.captions(all)],
      ["file", all.path && make("bdi", {}, all.path)],
      ["size", sizes(all)],
      ["date", dated(all.date)],
      ["labels", this.labels(details.labels)],
    ];
    this.list.replaceChildren(
      ...rows.flatMap(([key, value]) =>
        value ? [make("dt", {}, say(key)), make("dd", { className: `fact-${key}` }, value)] : [],
      ),
    );
  }

  score(item, score) {
    const node = make("div", {}, make("b", {}, score));
    const words = wordsOf(item);
    if (words && !item.scoreText) node.append(" ", make("span", { className: "note" }, words));
    // The score is what the order goes by; these are the similarities that it is made of.
    const parts = [["picture", item.score], ["caption", item.caption_score]]
      .filter(([, value]) => value !== undefined && value !== null && item.match !== undefined)
      .map(([key, value]) => say(`cosine_${key}`, { n: decimal(value) }));
    if (parts.length) node.append(make("p", { className: "note" }, parts.join(" · ")));
    return node;
  }

  captions({ captions, caption }) {
    const all = captions?.length ? captions : caption ? [caption] : [];
    if (!all.length) return null;
    const lines = all.map((text) => make("li", { dir: "auto" }, text));
    return make("ul", {}, ...lines);
  }

  labels(labels) {
    if (!labels?.length) return null;
    const chips = labels.map((each) => {
      const label = each.label ?? each;
      const press = () => this.find(label);
      return make("li", {}, make("button", { type: "button", className: "quiet", dir: "auto", onclick: press }, label));
    });
    return make("ul", { className: "chips" }, ...chips);
  }
}

const { lang } = document.documentElement;

function sizes({ width, height, bytes }) {
  const pixels = width && height ? `${width} × ${height}` : "";
  return [pixels, bytes ? inBytes(bytes) : ""].filter(Boolean).join(" · ");
}

/** So many bytes in words, as "2.1 MB". */
export function inBytes(bytes) {
  const [unit, divisor] = bytes < 1e6 ? ["kilobyte", 1e3] : ["megabyte", 1e6];
  const format = { style: "unit", unit, maximumFractionDigits: bytes < 1e6 ? 0 : 1 };
  return new Intl.NumberFormat(lang, format).format(Math.max(bytes / divisor, 0.1));
}

function dated(date) {
  if (date === null || date === undefined || date === "") return "";
  const when = new Date(typeof date === "number" ? date * 1000 : date);
  if (Number.isNaN(when.getTime())) return "";
  return new Intl.DateTimeFormat(lang, { dateStyle: "long", timeStyle: "short" }).format(when);
}
