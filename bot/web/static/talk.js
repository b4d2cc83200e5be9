// The conversation: a panel beside the pictures, for those who like it, and the way for commands.

import * as api from "./api.js";
import { Composer } from "./composer.js";
import { byId, make, pause, say } from "./dom.js";
import { addressOf, keep, kept, moves, smallOf } from "./kept.js";
import { drawReply } from "./reply.js";
import { drawPending, patiently } from "./waiting.js";

const POLL_MS = 700;
const NARROW = matchMedia("(max-width: 900px)");
const CHANGING = new Set(["add", "remove", "restore"]);

/**
 * The panel. `on.open(items, index)` shows pictures of a reply, `on.explore(part)` a map,
 * `on.changed()` follows what changes the collection, `on.locked()` asks for the token.
 */
export class Talk {
  constructor(attached, on) {
    this.attached = attached;
    this.on = on;
    this.panel = byId("talk");
    this.log = byId("log");
    this.scroller = byId("talk-log");
    this.turns = [];
    this.composer = new Composer({ attached, send: (text) => this.say(text) });
    byId("open-talk").onclick = () => (this.panel.open ? this.close() : this.open());
    byId("talk-close").onclick = () => this.close();
    byId("talk-clear").onclick = () => this.clear();
    this.panel.addEventListener("close", () => this.closed());
    this.panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      event.preventDefault();
      this.close();
    });
    this.restore();
  }

  /** A drawer beside the pictures; where there is no room for both, a sheet over them. */
  open() {
    if (!this.panel.open) {
      if (NARROW.matches) this.panel.showModal();
      else this.panel.show();
    }
    document.documentElement.classList.add("talking");
    byId("open-talk").setAttribute("aria-expanded", "true");
    this.composer.field.focus();
  }

  close() {
    this.panel.close();
  }

  /** Make room for the pictures where there is none beside it. */
  giveWay() {
    if (this.panel.matches(":modal")) this.close();
  }

  closed() {
    document.documentElement.classList.remove("talking");
    byId("open-talk").setAttribute("aria-expanded", "false");
    byId("open-talk").focus();
  }

  /** Send a line together with the attached photo. */
  async say(text) {
    this.open();
    const { photo } = this.attached;
    const question = { text };
    if (photo && !moves(photo.file)) question.shown = photo.url;
    try {
      question.photos = await this.attached.files();
    } catch {
      question.photos = [];
    }
    if (photo?.file) question.small = await smallOf(photo.file);
    await this.ask(question);
  }

  turn(side, name, ...nodes) {
    byId("hello").hidden = true;
    const node = make("article", { className: `turn ${side}`, "aria-label": name }, ...nodes);
    this.log.append(node);
    return node;
  }

  drawQuestion({ text, shown, small, photos }) {
    const src = small ? addressOf(small) : shown;
    const alt = photos?.length || small ? say("your_photo") : "";
    const image = src ? make("div", { className: "sent" }, make("img", { src, alt })) : null;
    const bubble = text ? make("p", { className: "bubble", dir: "auto" }, text) : null;
    return this.turn("mine", say("you"), image, bubble);
  }

  /** Ask, wait out a short quota, and draw what comes back. */
  async ask(question) {
    const mine = this.drawQuestion(question);
    const theirs = this.turn("theirs", say("title"));
    theirs.setAttribute("aria-busy", "true");
    const pending = drawPending();
    theirs.append(pending.node);
    this.show(mine);
    const message = { ...question, text: question.action ? "" : question.text };
    try {
      const reply = await patiently(message, pending.text);
      this.draw(theirs, reply, question);
      this.remember(theirs, question, reply);
    } catch (error) {
      this.drawTrouble(theirs, error, () => this.ask(question));
    } finally {
      theirs.removeAttribute("aria-busy");
      // Once more: only now the answer has its height.
      this.show(mine);
    }
  }

  // The question at the top of the panel, its answer below it, above the field.
  show(mine) {
    this.scroller.scrollTo({ top: mine.offsetTop - 12, behavior: "instant" });
  }

  draw(theirs, reply, question) {
    const on = {
      send: ({ text }) => this.ask({ text }),
      open: this.on.open,
      explore: this.on.explore,
      act: (button, card, node) =>
        button.kind === "set" ? this.change(theirs, button, node) : this.act(button, card, question),
    };
    theirs.replaceChildren(...drawReply(reply, on));
    if (reply.job) this.follow(theirs, reply.job, on);
    else if (changesCollection(question)) this.on.changed();
  }

  act(button, card, question) {
    // A picture does not fit into a button: the page still has it, and sends it again.
    const photos = button.needs_picture ? question.photos ?? [] : [];
    // What is removed cannot be shown again.
    const shown = button.kind === "more_like" ? card?.thumbnail : question.shown && photos.length ? question.shown : "";
    this.ask({ text: button.label, action: button.action, photos, shown, kind: button.kind });
    this.composer.field.focus({ preventScroll: true });
  }

  /** Turn a setting over: the reply that shows it is drawn anew where it stands. */
  async change(theirs, button, node) {
    const place = [...theirs.querySelectorAll(".buttons button")].indexOf(node);
    const question = { text: button.label, action: button.action };
    try {
      const reply = await api.chat({ action: button.action });
      if (reply.error) {
        node.disabled = false;
        theirs.querySelector(".problem")?.remove();
        theirs.append(...drawReply(reply, {}));
      } else {
        this.draw(theirs, reply, question);
        theirs.querySelectorAll(".buttons button")[place]?.focus({ preventScroll: true });
      }
    } catch (error) {
      this.drawTrouble(theirs, error, () => this.change(theirs, button, node));
    }
  }

  drawTrouble(theirs, error, again) {
    if (error.status === 403) this.on.locked();
    const retry = make("button", { type: "button", className: "quiet" }, say("try_again"));
    retry.onclick = () => {
      retry.disabled = true;
      again();
    };
    theirs.replaceChildren(
      make("p", { className: "problem" }, make("span", {}, api.reason(error))),
      make("div", { className: "buttons" }, retry),
    );
  }

  /** Draw a reindex anew until its summary has come. */
  async follow(theirs, job, on) {
    this.on.changed();
    let failures = 0;
    while (failures < 10) {
      await pause(POLL_MS);
      try {
        const { reply } = await api.progress(job);
        failures = 0;
        theirs.replaceChildren(...drawReply(reply, on));
        this.remember(theirs, null, reply);
        if (!reply.job) break;
      } catch {
        failures += 1;
      }
    }
    this.on.changed();
  }

  // -- after a reload ----------------------------------------------------------------

  remember(node, question, reply) {
    const known = this.turns.find((turn) => turn.node === node);
    if (known) known.reply = reply;
    else {
      const { text, action, kind, small, shown } = question;
      const lasting = shown?.startsWith("/") ? shown : "";
      this.turns.push({ node, question: { text, action, kind, small, shown: lasting }, reply });
    }
    keep(this.turns.map(({ question: asked, reply: answer }) => ({ question: asked, reply: answer })));
  }

  restore() {
    for (const { question, reply } of kept()) {
      this.drawQuestion(question);
      const theirs = this.turn("theirs", say("title"));
      // What was changed then is not changed again now.
      this.draw(theirs, reply, {});
      this.turns.push({ node: theirs, question, reply });
    }
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  clear() {
    this.turns = [];
    keep([]);
    this.log.replaceChildren();
    byId("hello").hidden = false;
    this.composer.field.focus();
  }
}

const changesCollection = ({ text, kind }) =>
  CHANGING.has(kind) || /^\/(add|remove)\b/i.test(text ?? "");
