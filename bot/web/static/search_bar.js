// The search bar: words, a photo, or a command for the conversation.

import { CommandMenu } from "./command_menu.js";
import { byId, say } from "./dom.js";

/**
 * Calls `search(text)` for a question, `command(text)` for a line with "/", `clear()`, and
 * `removed(photo)` when the photo was taken off.
 */
export class SearchBar {
  constructor({ attached, search, command, clear, removed }) {
    this.attached = attached;
    this.field = byId("query");
    this.menu = new CommandMenu(this.field, byId("query-commands"), (text) => this.write(text));
    byId("search").addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.text;
      this.menu.close();
      if (text.startsWith("/")) {
        this.write("");
        command(text);
      } else if (text || attached.photo) {
        // The keyboard of a phone would cover what was found.
        if (matchMedia("(pointer: coarse)").matches) this.field.blur();
        search(text);
      } else clear();
    });
    this.field.addEventListener("input", () => this.changed());
    this.field.addEventListener("keydown", (event) => {
      if (this.menu.key(event) || event.isComposing) return;
      if (event.key === "Escape" && !this.isEmpty) {
        event.preventDefault();
        clear();
      } else if (event.key === "Backspace" && !this.field.value && attached.photo) {
        const { photo } = attached;
        attached.remove();
        removed(photo);
      } else if (event.key === "ArrowDown") {
        event.preventDefault();
        document.querySelector("#grid a[tabindex='0']")?.focus();
      }
    });
    byId("clear").onclick = () => {
      clear();
      this.field.focus();
    };
    byId("add-photo").onclick = () => byId("file").click();
    attached.showIn(byId("query-chip"), this.field, removed);
    attached.addEventListener("change", () => this.changed());
    document.addEventListener("keydown", (event) => this.summon(event));
    this.changed();
  }

  get text() {
    return this.field.value.trim();
  }

  get isEmpty() {
    return !this.field.value && !this.attached.photo;
  }

  write(text) {
    this.field.value = text;
    this.changed();
  }

  changed() {
    byId("clear").hidden = this.isEmpty;
    this.field.placeholder = say(this.attached.photo ? "placeholder_photo" : "placeholder");
    this.menu.changed();
  }

  // "/" from anywhere, unless somebody is writing or looks at something else.
  summon(event) {
    const busy = event.target.closest("input, textarea, select, dialog[open]");
    if (event.key !== "/" || busy || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.field.focus();
    this.field.select();
  }
}
