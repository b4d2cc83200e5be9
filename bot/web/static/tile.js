// One picture of the grid: a link with a placeholder, a thumbnail, and what an answer tells of it.

import { thumbnailOf } from "./api.js";
import { make, say } from "./dom.js";
import { paint } from "./placeholder.js";

const EDGES = [240, 360, 480, 960];
const ALONE = 480;

/** The thumbnails of a picture by their widths, and the one for browsers that do not choose. */
export function sized(image, item, width) {
  const share = item.width && item.height ? Math.min(1, item.width / item.height) : 1;
  // The browser takes the smallest that is wide enough for the tile on this screen.
  const wide = EDGES.map((edge) => `${thumbnailOf(item.id, edge, item.at_s)} ${Math.round(edge * share)}w`);
  image.sizes = `${Math.ceil(width)}px`;
  image.srcset = wide.join(", ");
  image.src = thumbnailOf(item.id, ALONE, item.at_s);
}

/** The address of a picture as the grid shows it already, else of its smallest thumbnail. */
export function shownOf(item) {
  const address = thumbnailOf(item.id, ALONE, item.at_s);
  const image = document.querySelector(`.tile img[src="${CSS.escape(address)}"]`);
  return image?.currentSrc || thumbnailOf(item.id, EDGES[0], item.at_s);
}

/** The score as text, two decimals in the reader's language; "" where there is none. */
export function scoreOf(item) {
  if (item.scoreText) return item.scoreText;
  const value = item.match ?? item.score;
  return value === undefined || value === null ? "" : decimal(value);
}

/** A similarity with two decimals. */
export function decimal(value) {
  const digits = { minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: "negative" };
  return new Intl.NumberFormat(document.documentElement.lang, digits).format(value);
}

/** What a score is worth, and what of it alone was found, in words. */
export function wordsOf(item) {
  const band = item.band ? say(`band_${item.band}`) : "";
  const isOne = ["picture", "caption", "words"].includes(item.found_by);
  const by = isOne && !item.scoreText ? say(`found_by_${item.found_by}`) : "";
  const found = by && item.text ? `${by}: “${item.text}”` : by;
  const at = moves(item) && !item.scoreText ? say("at_time", { time: clock(item.at_s) }) : "";
  return [band, at, found].filter(Boolean).join(" · ");
}

/** Whether an answer says where in a picture that moves it was found. */
export const moves = (item) => item.at_s !== undefined && item.at_s !== null;

/** A place in something that plays, as players show it: 0:07. */
function clock(seconds) {
  const whole = Math.floor(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const two = (value) => String(value).padStart(2, "0");
  const minute = hours ? `${hours}:${two(minutes)}` : String(minutes);
  return `${minute}:${two(whole % 60)}`;
}

/** What a screen reader says of a picture. */
export function nameOf(item) {
  const caption = item.caption || say("no_caption");
  const score = scoreOf(item);
  if (!score || item.scoreText) return caption;
  return `${caption.replace(/\.$/, "")}. ${say("score")} ${score}. ${wordsOf(item)}`;
}

/** The list item of a picture; `place(node, …)` puts it where it belongs. */
export class Tile {
  constructor() {
    this.image = make("img", { decoding: "async", draggable: false });
    this.score = make("span", { className: "tile-score", "aria-hidden": "true" });
    this.caption = make("span", { className: "tile-caption", dir: "auto" });
    this.words = make("span", { className: "tile-words" });
    const about = make("span", { className: "tile-about", "aria-hidden": "true" });
    about.append(this.caption, this.words);
    this.gone = make("span", { className: "tile-gone", hidden: true });
    this.link = make("a", { className: "tile", draggable: false });
    this.link.append(this.image, this.gone, about, this.score);
    this.node = make("li", {}, this.link);
    this.image.onload = () => {
      this.link.classList.add("come");
    };
    this.image.onerror = () => this.fail();
  }

  /** Show a picture; its thumbnail follows with `load`. */
  show(item, index, href) {
    this.item = item;
    this.index = index;
    this.loaded = false;
    this.link.href = href;
    this.link.className = "tile";
    this.link.removeAttribute("aria-label");
    this.image.removeAttribute("srcset");
    this.image.removeAttribute("src");
    this.image.hidden = false;
    this.gone.hidden = true;
    this.image.alt = nameOf(item);
    paint(this.link, item.placeholder);
    const score = scoreOf(item);
    this.score.textContent = score;
    this.score.hidden = !score;
    this.caption.textContent = item.caption;
    this.words.textContent = score ? wordsOf(item) : "";
    this.node.setAttribute("aria-posinset", index + 1);
  }

  place(left, top, width, height) {
    const { style } = this.node;
    style.insetInlineStart = `${left}px`;
    style.top = `${top}px`;
    style.width = `${width}px`;
    style.height = `${height}px`;
    this.width = width;
  }

  load() {
    if (this.loaded) return;
    this.loaded = true;
    sized(this.image, this.item, this.width);
  }

  /** A calm tile in place of a picture that does not come. */
  fail() {
    if (!this.loaded) return;
    this.image.hidden = true;
    this.gone.hidden = false;
    this.gone.textContent = say("picture_gone");
    this.link.classList.add("gone");
    this.link.setAttribute("aria-label", `${nameOf(this.item)}. ${say("picture_gone")}`);
  }
}
