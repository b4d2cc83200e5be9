// Where messages of the conversation are written: text, commands, what was sent before.

import { CommandMenu } from "./command_menu.js";
import { byId } from "./dom.js";

const REMEMBERED = 50;

/** Calls `send(text)` for each message. */
export class Composer {
  constructor({ attached, send }) {
    this.attached = attached;
    this.send = send;
    this.field = byId("message");
    this.menu = new CommandMenu(this.field, byId("commands"), (text) => this.write(text));
    this.sent = [];
    this.recalled = 0;
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.field.addEventListener("input", () => this.changed());
    byId("message-photo").onclick = () => byId("file").click();
    attached.showIn(byId("message-chip"), this.field);
  }

  submit() {
    const text = this.field.value.trim();
    if (!text && !this.attached.photo) return;
    this.remember(text);
    this.write("");
    this.send(text);
  }

  /** Let the arrow keys bring a message back. */
  remember(text) {
    if (text && this.sent.at(-1) !== text) this.sent.push(text);
    this.sent.splice(0, this.sent.length - REMEMBERED);
    this.recalled = this.sent.length;
  }

  write(text) {
    this.field.value = text;
    this.field.setSelectionRange(text.length, text.length);
    this.changed();
  }

  changed() {
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight}px`;
    this.menu.changed();
  }

  key(event) {
    if (event.isComposing || this.menu.key(event)) return;
    if (event.key === "Enter" && !event.shiftKey) this.submit();
    else if (event.key === "Escape" && this.field.value) this.clear();
    else if (event.key === "ArrowUp" && this.recall(-1)) this.menu.close();
    else if (event.key === "ArrowDown" && this.recall(1)) this.menu.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** One step through what was sent, where the field is empty or shows a recalled message. */
  recall(step) {
    const showing = this.field.value === (this.sent[this.recalled] ?? "");
    const index = this.recalled + step;
    if (!showing || index < 0 || index > this.sent.length) return false;
    this.recalled = index;
    this.write(this.sent[index] ?? "");
    return true;
  }

  clear() {
    this.recalled = this.sent.length;
    this.write("");
  }
}
