// The grid: as many pictures as there are, and only those near the window in the document.

import { byId, make, onward } from "./dom.js";
import { Rows } from "./layout.js";
import { Tile } from "./tile.js";

const STEPS = { ArrowLeft: -1, ArrowRight: 1 };
// Above so many screens a second, thumbnails wait until the scrolling rests.
const FAST = 5;
const REST_MS = 90;
// Screens above and below the window that are kept ready, and further ones that are fetched.
const READY = 0.75;
const AHEAD = 3;

/** Shows a source; `on.open(index)` opens a picture, `on.href(item)` is its address. */
export class Grid {
  constructor(on) {
    this.on = on;
    this.list = byId("grid");
    this.line = make("li", { className: "grid-line", role: "presentation" }, make("span"));
    this.tiles = new Map();
    this.spare = [];
    this.source = null;
    this.active = 0;
    this.seen = { y: 0, time: 0 };
    new ResizeObserver(() => this.resized()).observe(this.list);
    addEventListener("scroll", () => this.ask(), { passive: true });
    addEventListener("resize", () => this.ask());
    this.list.addEventListener("click", (event) => this.clicked(event));
    this.list.addEventListener("keydown", (event) => this.key(event));
  }

  /** Show this source from its top on; `words` stand on the line between close hits and others. */
  show(source, words = "") {
    this.source = source;
    this.active = 0;
    this.lineWords = words;
    this.fresh();
  }

  /** Lay everything out anew. */
  fresh() {
    for (const index of [...this.tiles.keys()]) this.drop(index);
    const width = this.list.clientWidth;
    const small = width < 640;
    this.rows = new Rows({
      width,
      gap: small ? 2 : 4,
      target: small ? 140 : Math.min(280, Math.max(190, width / 5.4)),
    });
    this.grow();
  }

  /** So many pictures have come before the others: what one looks at stays in place. */
  renewed(added) {
    const first = this.rows.rows[this.rows.at(this.offset)];
    const scrolled = scrollY > this.list.offsetTop;
    this.active += added;
    this.fresh();
    if (first && scrolled) this.reveal(Math.max(0, first.start + added), "start");
  }

  /** Take in what the source has got meanwhile. */
  grow() {
    const { rows, source } = this;
    if (!source || !rows) return;
    if (source.line > 0) rows.breakAt = source.line;
    rows.add(source.items, source.done);
    this.list.style.height = `${rows.height}px`;
    const shown = rows.breakTop >= 0;
    if (shown) {
      this.line.firstChild.textContent = this.lineWords;
      this.line.style.top = `${rows.breakTop}px`;
      this.list.prepend(this.line);
    } else this.line.remove();
    this.paint();
  }

  resized() {
    const width = this.list.clientWidth;
    if (!this.source || !width || width === this.rows?.width) return;
    // What stood at the top of the window stays there.
    const first = this.rows?.rows[this.rows.at(this.offset)];
    this.fresh();
    if (first && this.offset > 0) this.reveal(first.start, "start");
  }

  /** Pixels of the grid that are above the window. */
  get offset() {
    return scrollY + byId("bar").offsetHeight - this.list.offsetTop;
  }

  ask() {
    this.frame ??= requestAnimationFrame((time) => {
      this.frame = null;
      const pace = Math.abs(scrollY - this.seen.y) / Math.max(1, time - this.seen.time);
      this.seen = { y: scrollY, time };
      this.paint((pace * 1000) / innerHeight > FAST);
    });
  }

  /** Put the tiles near the window into the document, and take the others out. */
  paint(fast = false) {
    const { rows, source } = this;
    if (!source || !rows) return;
    const top = scrollY - this.list.offsetTop;
    const above = top - READY * innerHeight;
    const below = top + (1 + READY) * innerHeight;
    const wanted = new Set();
    const added = [];
    for (let at = rows.at(above); at < rows.rows.length && rows.rows[at].top < below; at += 1) {
      const row = rows.rows[at];
      if (!this.tiles.has(row.start)) added.push(row);
      for (let index = row.start; index < row.end; index += 1) wanted.add(index);
    }
    const focused = this.list.contains(document.activeElement) ? this.active : -1;
    for (const index of [...this.tiles.keys()]) {
      if (!wanted.has(index) && index !== focused) this.drop(index);
    }
    for (const row of added) this.draw(row);
    clearTimeout(this.rest);
    if (fast) this.rest = setTimeout(() => this.load(), REST_MS);
    else this.load();
    this.tabStop(wanted);
    if (!source.done && below + AHEAD * innerHeight > rows.height) this.on.more();
  }

  load() {
    for (const tile of this.tiles.values()) tile.load();
  }

  draw(row) {
    const { items } = this.source;
    this.rows.boxes(row, items).forEach(([left, width], place) => {
      const index = row.start + place;
      if (this.tiles.has(index)) return;
      const tile = this.spare.pop() ?? new Tile();
      tile.show(items[index], index, this.on.href(items[index]));
      tile.place(left, row.top, width, row.height);
      tile.link.tabIndex = -1;
      tile.node.setAttribute("aria-setsize", this.source.total ?? -1);
      this.tiles.set(index, tile);
      this.insert(tile);
    });
  }

  // In the order of the pictures, for those who read the page instead of seeing it.
  insert(tile) {
    const before = this.tiles.get(tile.index - 1)?.node;
    if (before?.isConnected) before.after(tile.node);
    else {
      const after = this.tiles.get(tile.index + 1)?.node;
      if (after?.isConnected) after.before(tile.node);
      else if (tile.index > (this.lastIndex ?? -1)) this.list.append(tile.node);
      else this.list.prepend(tile.node);
    }
    this.lastIndex = tile.index;
  }

  drop(index) {
    const tile = this.tiles.get(index);
    this.tiles.delete(index);
    tile.node.remove();
    if (this.spare.length < 80) this.spare.push(tile);
  }

  // One stop for the Tab key; arrows go on from there.
  tabStop(wanted) {
    if (!wanted.has(this.active) && !this.list.contains(document.activeElement)) {
      const top = this.rows.rows[this.rows.at(this.offset)];
      this.active = top ? top.start : 0;
    }
    for (const [index, tile] of this.tiles) tile.link.tabIndex = index === this.active ? 0 : -1;
  }

  clicked(event) {
    const link = event.target.closest("a.tile");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const tile = [...this.tiles.values()].find((each) => each.link === link);
    this.active = tile.index;
    this.on.open(tile.index);
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    let index = null;
    if (event.key in STEPS) index = this.active + onward() * STEPS[event.key];
    else if (event.key === "ArrowDown") index = this.beside(1);
    else if (event.key === "ArrowUp") index = this.beside(-1);
    else if (event.key === "Home") index = 0;
    else if (event.key === "End") index = this.rows.placed - 1;
    else return;
    event.preventDefault();
    if (index !== null && index >= 0 && index < this.rows.placed) this.focus(index);
  }

  /** The picture above or below the active one. */
  beside(step) {
    const { rows } = this;
    const at = rows.of(this.active);
    const row = rows.rows[at];
    const next = rows.rows[at + step];
    if (!row || !next) return null;
    const [left, width] = rows.boxes(row, this.source.items)[this.active - row.start];
    const middle = left + width / 2;
    const boxes = rows.boxes(next, this.source.items);
    const place = boxes.findIndex(([start, wide]) => start + wide >= middle);
    return place < 0 ? next.end - 1 : next.start + place;
  }

  /** Bring a picture into the window and give it the keyboard. */
  focus(index) {
    this.active = index;
    this.reveal(index, "nearest");
    this.paint();
    this.tiles.get(index)?.link.focus({ preventScroll: true });
  }

  reveal(index, where) {
    const row = this.rows.rows[this.rows.of(index)];
    if (!row) return;
    const head = byId("bar").offsetHeight + 8;
    const top = this.list.offsetTop + row.top;
    const [least, most] = [top + row.height + 8 - innerHeight, top - head];
    const y = where === "start" ? most : Math.min(most, Math.max(least, scrollY));
    if (y !== scrollY) scrollTo({ top: y, behavior: "instant" });
  }

  /** Count of pictures up to the end of the window, to come back to after a reload. */
  get reached() {
    const row = this.rows?.rows[this.rows.at(this.offset + innerHeight)];
    return row ? row.end : this.source?.items.length ?? 0;
  }

  set busy(value) {
    if (value) this.list.setAttribute("aria-busy", "true");
    else this.list.removeAttribute("aria-busy");
  }
}
