// One picture, large, with its neighbours an arrow key away.

import { byId } from "./dom.js";
import { drawScore } from "./reply.js";

/** Shows pictures in the dialog; `act(button, card)` answers "more like this". */
export class Viewer {
  constructor(act) {
    this.act = act;
    this.dialog = byId("viewer");
    this.picture = byId("viewer-picture");
    byId("viewer-close").onclick = () => this.dialog.close();
    byId("viewer-previous").onclick = () => this.move(-1);
    byId("viewer-next").onclick = () => this.move(1);
    byId("viewer-like").onclick = () => {
      const card = this.cards[this.index];
      this.dialog.close();
      this.act(this.likes.get(card.number), card);
    };
    this.dialog.addEventListener("click", (event) => {
      // A click beside the dialog lands on the element itself.
      if (event.target === this.dialog) this.dialog.close();
    });
    this.dialog.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") this.move(-1);
      else if (event.key === "ArrowRight") this.move(1);
      else return;
      event.preventDefault();
    });
  }

  open(cards, index, likes) {
    this.cards = cards;
    this.likes = likes;
    this.show(index);
    this.dialog.showModal();
    byId("viewer-close").focus();
  }

  move(step) {
    const index = this.index + step;
    if (index >= 0 && index < this.cards.length) this.show(index);
  }

  show(index) {
    const card = this.cards[index];
    this.index = index;
    // The thumbnail stands in until the large picture has come.
    this.picture.src = card.thumbnail;
    this.picture.alt = card.alt;
    const large = new Image();
    large.onload = () => {
      if (this.cards[this.index] === card) this.picture.src = large.src;
    };
    large.src = card.picture;
    byId("viewer-caption").textContent = card.caption;
    drawScore(byId("viewer-score"), card);
    byId("viewer-original").href = card.picture;
    byId("viewer-like").hidden = !this.likes.has(card.number);
    byId("viewer-previous").disabled = index === 0;
    byId("viewer-next").disabled = index === this.cards.length - 1;
    if (document.activeElement?.disabled) byId("viewer-close").focus();
  }
}
