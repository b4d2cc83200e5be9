// A picture that is enlarged and moved: wheel, two fingers, double click or tap, drag.

const MOST = 8;
const TWICE = 2.5;
const SWIPE = 60;
const STILL = 6;

/**
 * Zooms `image` inside `stage`. Where it is not enlarged, `on.swipe(step)` leafs and
 * `on.away()` closes; `on.changed(scale)` follows every change.
 */
export class Zoom {
  constructor(stage, image, on) {
    Object.assign(this, { stage, image, on });
    this.pointers = new Map();
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.press(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    stage.addEventListener("pointerup", (event) => this.release(event));
    stage.addEventListener("pointercancel", (event) => this.release(event));
    stage.addEventListener("dblclick", (event) => this.twice(event));
    this.reset();
  }

  reset() {
    [this.scale, this.x, this.y] = [1, 0, 0];
    this.paint();
  }

  paint() {
    const { x, y, scale } = this;
    this.image.style.transform = scale === 1 ? "" : `translate(${x}px, ${y}px) scale(${scale})`;
    this.stage.classList.toggle("enlarged", scale > 1);
    this.on.changed(scale);
  }

  /** Enlarge by a factor; what lies under the place (from the stage's middle) stays there. */
  by(factor, [px, py] = [0, 0]) {
    const scale = Math.min(MOST, Math.max(1, this.scale * factor));
    const change = scale / this.scale;
    this.x = px - (px - this.x) * change;
    this.y = py - (py - this.y) * change;
    this.scale = scale;
    this.within();
    this.paint();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.within();
    this.paint();
  }

  // No further than the picture reaches.
  within() {
    const { stage, image } = this;
    const most = (size, room) => Math.max(0, (size * this.scale - room) / 2);
    const mx = most(image.offsetWidth, stage.clientWidth);
    const my = most(image.offsetHeight, stage.clientHeight);
    this.x = Math.min(mx, Math.max(-mx, this.x));
    this.y = Math.min(my, Math.max(-my, this.y));
  }

  place({ clientX, clientY }) {
    const box = this.stage.getBoundingClientRect();
    return [clientX - box.left - box.width / 2, clientY - box.top - box.height / 2];
  }

  wheel(event) {
    event.preventDefault();
    // Lines and pages (Firefox) are longer than pixels; a pinch on a touchpad is finer.
    const lines = event.deltaMode ? 16 : 1;
    this.by(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), this.place(event));
  }

  twice(event) {
    if (event.target.closest("button")) return;
    if (this.scale > 1) this.reset();
    else this.by(TWICE, this.place(event));
  }

  press(event) {
    if (event.target.closest("button") || event.button) return;
    this.stage.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.place(event));
    if (this.pointers.size === 1) this.from = this.place(event);
    else this.from = null;
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.place(event);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    if (other) {
      const apart = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]) || 1;
      this.by(apart(now) / apart(before), [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
    } else if (this.scale > 1) this.pan(now[0] - before[0], now[1] - before[1]);
  }

  release(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    const { from } = this;
    this.from = null;
    if (!from || event.type !== "pointerup" || this.scale > 1) return;
    const to = this.place(event);
    const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    if (Math.hypot(dx, dy) <= STILL) return;
    if (Math.abs(dx) > SWIPE && Math.abs(dx) > 1.5 * Math.abs(dy)) this.on.swipe(dx < 0 ? 1 : -1);
    else if (dy > 1.5 * SWIPE && dy > 2 * Math.abs(dx)) this.on.away();
  }
}
