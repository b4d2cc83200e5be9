// The map of a collection: pictures that look alike lie together. Drag and scroll, or keys alone.

import * as api from "./api.js";
import { byId, make, say } from "./dom.js";
import { EDGE, MapView } from "./map_view.js";

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Shows maps in the dialog; `search({id, caption})` finds what is like a picture of it. */
export class CollectionMap extends MapView {
  constructor(search) {
    super(byId("map-canvas"));
    this.search = search;
    this.dialog = byId("map");
    this.groups = byId("map-groups");
    this.pointers = new Map();
    this.asked = { collection: "", groups: 0, text: "" };
    this.moved = 0;
    this.listen();
  }

  /** Open the dialog with a map of this collection ("" is the default one). */
  async open(asked = {}) {
    this.asked = { collection: "", groups: 0, text: "", ...asked };
    const chosen = [...this.groups.options].find((o) => Number(o.value) === this.asked.groups);
    if (!chosen) {
      const count = String(this.asked.groups);
      this.groups.append(make("option", { value: count }, count));
    }
    this.groups.value = String(this.asked.groups);
    if (!this.dialog.open) this.dialog.showModal();
    this.canvas.focus();
    this.measure();
    this.reset();
    await this.load();
  }

  async load() {
    const asked = this.asked;
    byId("map-problem").textContent = "";
    this.canvas.setAttribute("aria-busy", "true");
    try {
      const data = await api.map(asked);
      if (asked === this.asked) this.show(data);
    } catch (error) {
      byId("map-problem").textContent = api.reason(error);
    } finally {
      this.canvas.removeAttribute("aria-busy");
    }
  }

  show(data) {
    // Rows of another map: what was chosen may be another picture there.
    this.choose(null);
    this.data = data;
    byId("map-title").textContent = data.title;
    byId("map-note").textContent = data.note;
    this.canvas.setAttribute("aria-label", data.title);
    const rows = data.groups.map(({ name, colour }) => {
      const swatch = make("i", { "aria-hidden": "true" });
      swatch.style.background = colour;
      return make("li", {}, swatch, name);
    });
    byId("map-legend").replaceChildren(...rows);
    byId("map-legend").hidden = !rows.length;
    this.paint();
  }

  // -- choosing ----------------------------------------------------------------------

  choose(row) {
    if (row === this.row) return;
    this.row = row;
    byId("map-card").hidden = row === null;
    if (row !== null) {
      byId("map-picture").src = `/pictures/${this.data.ids[row]}/thumbnail`;
      byId("map-caption").textContent = this.data.captions[row];
      // Colour alone must not tell the group.
      byId("map-group").textContent = this.data.groups[this.data.group[row]]?.name ?? "";
    }
    this.canvas.classList.toggle("over", row !== null);
    this.paint();
  }

  /** The next picture in a direction, from the chosen one or the middle. */
  step([dx, dy]) {
    const [width, height] = this.size;
    const from =
      this.row === null
        ? [width / 2, height / 2]
        : this.at(this.data.x[this.row], this.data.y[this.row]);
    // Ahead counts once, aside twice; what lies behind does not count.
    const worth = (x, y) => {
      const ahead = x * dx + y * dy;
      return ahead < 1 ? Infinity : ahead + 2 * Math.abs(x * dy + y * dx);
    };
    const next = this.best(worth, from[0], from[1], Infinity);
    if (next === null) return;
    this.choose(next);
    const [x, y] = this.at(this.data.x[next], this.data.y[next]);
    const [inX, inY] = [Math.min(Math.max(x, EDGE), width - EDGE), Math.min(Math.max(y, EDGE), height - EDGE)];
    if (inX !== x || inY !== y) this.pan(inX - x, inY - y);
  }

  pick(row) {
    this.dialog.close();
    this.search({ id: this.data.ids[row], caption: this.data.captions[row] });
  }

  // -- hands -------------------------------------------------------------------------

  listen() {
    const { canvas } = this;
    byId("map-close").onclick = () => this.dialog.close();
    byId("map-in").onclick = () => this.zoom(1.5);
    byId("map-out").onclick = () => this.zoom(1 / 1.5);
    byId("map-all").onclick = () => this.reset();
    this.groups.onchange = () => {
      this.asked = { ...this.asked, groups: Number(this.groups.value) };
      this.load();
    };
    const wheel = (event) => {
      event.preventDefault();
      if (this.data) this.zoom(1.0015 ** -event.deltaY, event.offsetX, event.offsetY);
    };
    canvas.addEventListener("wheel", wheel, { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => this.release(event));
    }
    canvas.addEventListener("pointerleave", () => this.pointers.size || this.choose(null));
    canvas.addEventListener("keydown", (event) => this.type(event));
  }

  press(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    this.moved = this.pointers.size > 1 ? Infinity : 0;
  }

  move(event) {
    if (!this.data) return;
    const before = this.pointers.get(event.pointerId);
    const now = [event.offsetX, event.offsetY];
    if (!before) {
      this.choose(this.rowAt(...now));
      return;
    }
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    if (other) {
      // Two fingers: what lies between them grows as they part.
      const apart = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]) || 1;
      this.zoom(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      return;
    }
    this.moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
    if (this.moved > 4) {
      this.canvas.classList.add("dragged");
      this.pan(now[0] - before[0], now[1] - before[1]);
    }
  }

  release(event) {
    const pressed = this.pointers.delete(event.pointerId);
    this.canvas.classList.remove("dragged");
    if (!pressed || event.type !== "pointerup" || this.moved > 4 || !this.data) return;
    const row = this.rowAt(event.offsetX, event.offsetY);
    if (row !== null) this.pick(row);
  }

  type(event) {
    if (!this.data || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = STEPS[event.key];
    if (step && event.shiftKey) this.pan(-80 * step[0], -80 * step[1]);
    else if (step) this.step(step);
    else if (event.key === "+" || event.key === "=") this.zoom(1.5);
    else if (event.key === "-") this.zoom(1 / 1.5);
    else if (event.key === "0") this.reset();
    else if (event.key === "Enter" && this.row !== null) this.pick(this.row);
    else return;
    event.preventDefault();
  }
}
