// Where each picture of a grid lies: rows that fill the width, in the order of the pictures.

// Beyond these a picture is cut at its sides: a panorama would take a row of its own.
const NARROWEST = 0.5;
const WIDEST = 3;
const BREAK_HEIGHT = 64;

/** Width by height, for pictures whose size is not known too. */
export function shape({ width, height }) {
  const ratio = width > 0 && height > 0 ? width / height : 1;
  return Math.min(WIDEST, Math.max(NARROWEST, ratio));
}

/**
 * Rows of pictures, each as wide as the grid and about as high as `target`.
 *
 * Rows are added as pictures come; `breakAt` is the index of the first picture behind a line
 * that goes through the grid, Infinity where there is none. Lengths are CSS pixels.
 */
export class Rows {
  constructor({ width, gap, target }) {
    Object.assign(this, { width, gap, target });
    this.breakAt = Infinity;
    this.rows = [];
    this.height = 0;
    this.breakTop = -1;
    this.placed = 0;
  }

  /** Lay out what is new; the last row waits for more pictures unless `whole`. */
  add(items, whole) {
    while (this.placed < items.length) {
      const end = this.fill(items, this.placed, whole);
      if (end === null) return;
      this.placed = end;
    }
  }

  /** One row that begins at an index; its end, or null where pictures are still missing. */
  fill(items, start, whole) {
    if (start === this.breakAt && this.breakTop < 0) {
      this.breakTop = this.height;
      this.height += BREAK_HEIGHT;
    }
    let shapes = 0;
    let before = Infinity;
    const last = start < this.breakAt ? Math.min(items.length, this.breakAt) : items.length;
    for (let end = start + 1; end <= last; end += 1) {
      shapes += shape(items[end - 1]);
      const height = (this.width - this.gap * (end - 1 - start)) / shapes;
      if (height <= this.target) {
        // With this picture or without it, whichever comes closer to the height that is wanted.
        const without = end - 1 > start && before - this.target < this.target - height;
        return without ? this.push(start, end - 1, before) : this.push(start, end, height);
      }
      before = height;
    }
    if (last === items.length && !whole) return null;
    return this.push(start, last, Math.min(before, this.target * 1.25));
  }

  push(start, end, height) {
    this.rows.push({ start, end, top: this.height, height });
    this.height += height + this.gap;
    return end;
  }

  /** The first row that reaches below `y`. */
  at(y) {
    let [low, high] = [0, this.rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const { top, height } = this.rows[middle];
      if (top + height < y) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The row that holds the picture of an index; -1 where none does yet. */
  of(index) {
    if (index >= this.placed) return -1;
    let [low, high] = [0, this.rows.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.rows[middle].start <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Left edge and width of each picture of a row. */
  boxes(row, items) {
    const boxes = [];
    let left = 0;
    for (let index = row.start; index < row.end; index += 1) {
      const width = shape(items[index]) * row.height;
      boxes.push([left, width]);
      left += width + this.gap;
    }
    return boxes;
  }
}
