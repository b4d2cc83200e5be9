// What of a map is seen: where its pictures lie on the canvas, and which are drawn.

const THUMBNAIL = 48;
const CELL = 64;
const REACH = 14;
const MOST_SCALE = 400;
const KEPT_IMAGES = 600;
export const EDGE = 40;

/** Draws `data` (see api.map) on a canvas; `row` is the chosen picture or null. */
export class MapView {
  constructor(canvas) {
    this.canvas = canvas;
    this.images = new Map();
    this.shown = new Map();
    this.data = null;
    this.row = null;
    this.measure();
    this.reset();
    new ResizeObserver(() => this.paint()).observe(canvas);
  }

  reset() {
    this.scale = 1;
    this.left = 0;
    this.top = 0;
    this.paint();
  }

  /** Note the canvas' size in CSS pixels: to ask for it at each of 50,000 pictures takes long. */
  measure() {
    this.size = [this.canvas.clientWidth, this.canvas.clientHeight];
  }

  /** Where a picture lies on the canvas, in CSS pixels. */
  at(x, y) {
    const [width, height] = this.size;
    return [
      EDGE + (x * this.scale - this.left) * (width - 2 * EDGE),
      EDGE + ((1 - y) * this.scale - this.top) * (height - 2 * EDGE),
    ];
  }

  zoom(factor, x = this.size[0] / 2, y = this.size[1] / 2) {
    const [width, height] = this.size;
    const scale = Math.min(MOST_SCALE, Math.max(0.5, this.scale * factor));
    // What lies under the pointer stays there.
    const across = (x - EDGE) / (width - 2 * EDGE);
    const down = (y - EDGE) / (height - 2 * EDGE);
    this.left = ((this.left + across) * scale) / this.scale - across;
    this.top = ((this.top + down) * scale) / this.scale - down;
    this.scale = scale;
    this.paint();
  }

  pan(dx, dy) {
    const [width, height] = this.size;
    this.left -= dx / (width - 2 * EDGE);
    this.top -= dy / (height - 2 * EDGE);
    this.paint();
  }

  /** The row nearest to a place, no further than `reach` pixels; thumbnails lie on top. */
  rowAt(x, y, reach = REACH) {
    const half = THUMBNAIL / 2;
    for (const [row, [left, top]] of [...this.shown].reverse()) {
      if (Math.abs(left - x) <= half && Math.abs(top - y) <= half) return row;
    }
    return this.best((dx, dy) => Math.hypot(dx, dy), x, y, reach);
  }

  /** The row for which `worth(dx, dy)` is least, below a bound. */
  best(worth, x, y, bound) {
    let found = null;
    let least = bound;
    const { data } = this;
    for (let row = 0; data && row < data.ids.length; row += 1) {
      const [px, py] = this.at(data.x[row], data.y[row]);
      const value = worth(px - x, py - y);
      if (value < least) [found, least] = [row, value];
    }
    return found;
  }

  paint() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (this.data && this.canvas.clientWidth) this.draw();
    });
  }

  draw() {
    const { canvas, data } = this;
    this.measure();
    const [width, height] = this.size;
    const ratio = window.devicePixelRatio || 1;
    const real = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== real[0] || canvas.height !== real[1]) [canvas.width, canvas.height] = real;
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const style = getComputedStyle(canvas);
    const accent = style.getPropertyValue("--solid");
    const colours = data.groups.map((group) => group.colour);
    const cells = new Map();
    const dot = data.ids.length > 5000 ? 3 : 6;
    const [across, down] = [width - 2 * EDGE, height - 2 * EDGE];
    const [left, top] = [this.left * across, this.top * down];
    let group;
    pen.fillStyle = accent;
    for (let row = 0; row < data.ids.length; row += 1) {
      const x = EDGE + data.x[row] * this.scale * across - left;
      const y = EDGE + (1 - data.y[row]) * this.scale * down - top;
      if (x < -CELL || y < -CELL || x > width + CELL || y > height + CELL) continue;
      if (data.group[row] !== group) {
        group = data.group[row];
        pen.fillStyle = colours[group] ?? accent;
      }
      pen.fillRect(x - dot / 2, y - dot / 2, dot, dot);
      // Cells stand still on the map, so that thumbnails do not change while it is moved. No map
      // is a million cells wide at the largest scale.
      const key = Math.floor((x + left) / CELL) * 1e6 + Math.floor((y + top) / CELL);
      if (!cells.has(key)) cells.set(key, [row, [x, y]]);
    }
    this.shown = new Map();
    const nearest = (data.mark?.nearest ?? []).map((row) => [row, this.at(data.x[row], data.y[row])]);
    const chosen = this.row === null ? [] : [[this.row, this.at(data.x[this.row], data.y[this.row])]];
    for (const [row, place] of [...chosen, ...nearest, ...cells.values()]) {
      if (this.isFree(place)) this.shown.set(row, place);
    }
    for (const [row, place] of this.shown) {
      const frame = nearest.some(([other]) => other === row) ? accent : colours[data.group[row]];
      this.drawThumbnail(pen, style, row, place, frame);
    }
    if (data.mark) this.drawMark(pen, style, nearest);
    if (this.row !== null) this.drawChoice(pen, style);
  }

  isFree([x, y]) {
    for (const [px, py] of this.shown.values()) {
      if (Math.abs(px - x) < THUMBNAIL + 2 && Math.abs(py - y) < THUMBNAIL + 2) return false;
    }
    return true;
  }

  drawThumbnail(pen, style, row, [x, y], frame) {
    const image = this.image(row);
    if (!image.complete || !image.naturalWidth) return;
    const half = THUMBNAIL / 2;
    pen.fillStyle = style.getPropertyValue("--mat");
    pen.fillRect(x - half, y - half, THUMBNAIL, THUMBNAIL);
    const room = THUMBNAIL - 6;
    const share = Math.min(room / image.naturalWidth, room / image.naturalHeight);
    const [w, h] = [image.naturalWidth * share, image.naturalHeight * share];
    pen.drawImage(image, x - w / 2, y - h / 2, w, h);
    pen.lineWidth = frame ? 2.5 : 1;
    pen.strokeStyle = frame ?? style.getPropertyValue("--edge");
    pen.strokeRect(x - half, y - half, THUMBNAIL, THUMBNAIL);
  }

  drawMark(pen, style, nearest) {
    const { mark } = this.data;
    const [x, y] = this.at(mark.x, mark.y);
    pen.strokeStyle = style.getPropertyValue("--solid");
    pen.lineWidth = 1.5;
    for (const [, [px, py]] of nearest) {
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(px, py);
      pen.stroke();
    }
    pen.font = `600 14px ${style.fontFamily}`;
    const wide = pen.measureText(mark.label).width + 16;
    pen.fillStyle = style.getPropertyValue("--solid");
    pen.beginPath();
    pen.arc(x, y, 6, 0, 2 * Math.PI);
    pen.fill();
    // Above its place where there is room, so that the thumbnails around it can be seen.
    const middle = y < 40 ? y + 24 : y - 24;
    const left = Math.min(Math.max(x - wide / 2, 4), this.size[0] - wide - 4);
    pen.fillRect(left, middle - 13, wide, 26);
    pen.fillStyle = style.getPropertyValue("--on-solid");
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(mark.label, left + wide / 2, middle);
  }

  drawChoice(pen, style) {
    const [x, y] = this.at(this.data.x[this.row], this.data.y[this.row]);
    const half = THUMBNAIL / 2 + 4;
    pen.lineWidth = 3;
    pen.strokeStyle = style.getPropertyValue("--accent");
    pen.strokeRect(x - half, y - half, 2 * half, 2 * half);
  }

  image(row) {
    const id = this.data.ids[row];
    let image = this.images.get(id);
    if (!image) {
      image = new Image();
      image.onload = () => this.paint();
      image.src = `/pictures/${id}/thumbnail`;
    }
    // Those asked for last stay longest.
    this.images.delete(id);
    this.images.set(id, image);
    if (this.images.size > KEPT_IMAGES) this.images.delete(this.images.keys().next().value);
    return image;
  }
}
