// Ideas for a question: what there is in the collection.

import { byId } from "./dom.js";
import { drawExamples } from "./reply.js";

const TALKED = 3;

/** Draws topics above the grid, for `on.search(text)`, and in a new conversation, for `on.ask`. */
export class Topics {
  constructor(on) {
    this.on = on;
    this.drawn = "";
  }

  draw(topics) {
    // Only what is new: somebody may be about to press one.
    if (this.drawn === topics.join()) return;
    this.drawn = topics.join();
    drawExamples(byId("topics"), topics, ({ text }) => this.on.search(text));
    drawExamples(byId("examples"), topics.slice(0, TALKED), ({ text }) => this.on.ask(text));
  }
}
