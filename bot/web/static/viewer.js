// One picture, as large as the window: its neighbours, its details, and what to do with it.

import { fileOf, playedOf, thumbnailOf } from "./api.js";
import { Details } from "./details.js";
import { byId, make, onward, say } from "./dom.js";
import { paint } from "./placeholder.js";
import { moves, nameOf, shownOf } from "./tile.js";
import { Zoom } from "./zoom.js";

const AHEAD = 8;
const ENLARGED = 3;
const SCROLLING = new Set(["ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End"]);

/**
 * Shows pictures of a source. `on.moved(item)` follows each step, `on.closed()` the end;
 * `on.like(item)`, `on.words(item)` and `on.label(label)` search.
 */
export class Viewer {
  constructor(on) {
    this.on = on;
    this.dialog = byId("viewer");
    this.picture = byId("viewer-picture");
    // Drawings without a ground would show it.
    this.picture.onload = () => paint(this.picture);
    this.details = new Details(
      (label) => this.leave(() => on.label(label)),
      (details) => this.known(details),
    );
    this.zoom = new Zoom(byId("viewer-stage"), this.picture, {
      swipe: (step) => this.move(step * onward()),
      away: () => this.dialog.close(),
      changed: (scale) => this.zoomed(scale),
    });
    byId("viewer-close").onclick = () => this.dialog.close();
    byId("viewer-previous").onclick = () => this.move(-1);
    byId("viewer-next").onclick = () => this.move(1);
    byId("viewer-in").onclick = () => this.zoom.by(1.6);
    byId("viewer-out").onclick = () => this.zoom.by(1 / 1.6);
    byId("viewer-like").onclick = () => this.leave(() => on.like(this.item));
    byId("viewer-words").onclick = () => this.leave(() => on.words(this.item));
    byId("viewer-play").onclick = () => this.play();
    byId("viewer-about").onclick = () => this.details.toggle();
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    this.dialog.addEventListener("close", () => this.ended());
  }

  get item() {
    return this.source?.items[this.index];
  }

  /** Open a picture of a source; in place where the viewer is open already. */
  open(source, index) {
    this.source = source;
    this.next = null;
    this.show(index);
    if (this.dialog.open) return;
    this.dialog.showModal();
    this.details.opened();
    byId("viewer-close").focus();
  }

  /** Close without telling: the address has changed already. */
  hide() {
    if (!this.dialog.open) return;
    this.quiet = true;
    this.dialog.close();
  }

  leave(then) {
    this.next = then;
    this.dialog.close();
  }

  ended() {
    const { next, quiet } = this;
    [this.next, this.quiet] = [null, false];
    this.details.stop();
    // Nothing may go on loading or playing behind the page.
    this.large = null;
    this.still();
    if (next) next();
    else if (!quiet) this.on.closed(this.item);
  }

  async move(step) {
    const index = this.index + step;
    const { source } = this;
    if (index < 0) return;
    if (index + AHEAD > source.items.length && !source.done) {
      const coming = source.more().catch(() => null);
      if (index >= source.items.length) await coming;
    }
    if (index >= source.items.length || source !== this.source) return;
    this.show(index);
    this.on.moved(this.item);
  }

  show(index) {
    this.index = index;
    const { item, picture } = this;
    // What plays goes on where only its neighbours have come.
    const playing = this.video?.dataset.of === item.id;
    if (!playing) {
      this.zoom.reset();
      this.still();
    }
    byId("viewer-play").hidden = playing || (!moves(item) && !item.plays);
    byId("viewer-gone").hidden = true;
    picture.alt = nameOf(item);
    this.size(item.width, item.height);
    // The thumbnail stands in until the picture has come, and what the grid shows until that has.
    paint(picture, item.placeholder, shownOf(item));
    // Else the picture before it stays until then.
    picture.removeAttribute("src");
    picture.src = thumbnailOf(item.id, 960, item.at_s);
    const large = new Image();
    this.large = large;
    large.onload = () => {
      if (this.large !== large) return;
      this.size(large.naturalWidth, large.naturalHeight);
      picture.src = large.src;
    };
    large.onerror = () => {
      if (this.large !== large) return;
      picture.hidden = true;
      byId("viewer-gone").hidden = false;
    };
    // Of what moves the frame that was found stays, until it is played.
    if (!playing && !moves(item)) large.src = fileOf(item.id);
    for (const beside of [index + 1, index - 1]) this.fetchAhead(beside);
    byId("viewer-caption").textContent = item.caption || say("no_caption");
    byId("viewer-download").href = `${fileOf(item.id)}?download=1`;
    byId("viewer-previous").disabled = index === 0;
    byId("viewer-next").disabled = this.source.done && index === this.source.items.length - 1;
    if (document.activeElement?.disabled) byId("viewer-close").focus();
    this.details.show(item);
  }

  /** Of a picture that no answer told of, its details tell that it is a video. */
  known({ plays }) {
    if (plays && !this.video) byId("viewer-play").hidden = false;
  }

  /** Play what moves, from the frame that was found on. */
  play() {
    const { item, picture } = this;
    const video = make("video", { controls: true, autoplay: true, loop: true, playsInline: true });
    this.video = video;
    this.large = null;
    video.dataset.of = item.id;
    byId("viewer-gone").hidden = true;
    video.setAttribute("aria-label", nameOf(item));
    video.onloadedmetadata = () => {
      video.currentTime = Math.min(item.at_s ?? 0, video.duration || 0);
    };
    video.onerror = () => {
      // No video: an animation plays as a picture does.
      if (this.video !== video) return;
      this.still();
      byId("viewer-play").hidden = true;
      picture.src = fileOf(item.id);
    };
    byId("viewer-play").hidden = true;
    picture.hidden = true;
    video.src = playedOf(item.id);
    byId("viewer-stage").append(video);
    video.focus();
  }

  /** Stop what plays. */
  still() {
    this.picture.hidden = false;
    const { video } = this;
    if (!video) return;
    this.video = null;
    video.pause();
    video.removeAttribute("src");
    video.load();
    video.remove();
  }

  size(width, height) {
    const { style } = this.picture;
    style.setProperty("--ratio", width && height ? width / height : 1);
    style.setProperty("--most", width ? `${ENLARGED * width}px` : "100cqw");
  }

  fetchAhead(index) {
    const item = this.source.items[index];
    if (item) new Image().src = thumbnailOf(item.id, 960, item.at_s);
  }

  zoomed(scale) {
    const out = byId("viewer-out");
    // A button that is switched off would take the keyboard with it.
    if (scale <= 1 && document.activeElement === out) byId("viewer-in").focus();
    out.disabled = scale <= 1;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { zoom } = this;
    const far = 120;
    const arrows = { ArrowLeft: [far, 0], ArrowRight: [-far, 0], ArrowUp: [0, far], ArrowDown: [0, -far] };
    if (event.key in arrows && zoom.scale > 1) zoom.pan(...arrows[event.key]);
    else if (event.key === "ArrowLeft") this.move(-onward());
    else if (event.key === "ArrowRight") this.move(onward());
    else if (event.key === "+" || event.key === "=") zoom.by(1.6);
    else if (event.key === "-") zoom.by(1 / 1.6);
    else if (event.key === "0") zoom.reset();
    else if (event.key === "i") this.details.toggle();
    // What lies behind stays where it is.
    else if (event.target.closest("#viewer-panel") || !SCROLLING.has(event.key)) return;
    event.preventDefault();
  }
}
