// The commands that fit what was typed, below or above a field.

import { make } from "./dom.js";

let commands = [];

/** The commands that every menu offers. */
export function offer(all) {
  commands = all;
}

/** A menu for a field; `write(text)` puts a command into it. */
export class CommandMenu {
  constructor(field, list, write) {
    this.field = field;
    this.list = list;
    this.write = write;
    this.chosen = -1;
    field.addEventListener("blur", () => this.close());
  }

  get open() {
    return !this.list.hidden;
  }

  /** Show what fits the field's text: "/" and the beginning of a name. */
  changed() {
    const typed = /^\/(\w*)$/.exec(this.field.value);
    const fitting = typed ? commands.filter((c) => c.name.startsWith(typed[1].toLowerCase())) : [];
    const items = fitting.map((command, index) => {
      const item = make("li", { role: "option", id: `${this.list.id}-${index}` },
        make("b", { dir: "ltr" }, `/${command.name}`), make("span", { dir: "auto" }, command.summary));
      item.dataset.name = command.name;
      // Before the field loses its focus, which closes the menu.
      item.onpointerdown = (event) => {
        event.preventDefault();
        this.complete(command.name);
      };
      return item;
    });
    this.list.replaceChildren(...items);
    this.list.hidden = !items.length;
    this.expanded();
    this.choose(items.length ? 0 : -1);
  }

  // A field of several lines cannot be a combobox, which alone has this state.
  expanded() {
    if (this.field.getAttribute("role")) this.field.setAttribute("aria-expanded", String(this.open));
  }

  choose(index) {
    this.chosen = index;
    [...this.list.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === index)));
    this.list.children[index]?.scrollIntoView({ block: "nearest" });
    if (index >= 0) this.field.setAttribute("aria-activedescendant", `${this.list.id}-${index}`);
    else this.field.removeAttribute("aria-activedescendant");
  }

  close() {
    this.list.hidden = true;
    this.expanded();
    this.choose(-1);
  }

  complete(name) {
    this.write(`/${name} `);
    this.close();
  }

  /** Whether a key was the menu's; a command written in full is left to be sent. */
  key(event) {
    if (!this.open || event.isComposing) return false;
    const { length } = this.list.children;
    const name = this.list.children[this.chosen]?.dataset.name;
    if (event.key === "ArrowDown") this.choose((this.chosen + 1) % length);
    else if (event.key === "ArrowUp") this.choose((this.chosen + length - 1) % length);
    else if (event.key === "Escape") this.close();
    else if (event.key === "Tab" && !event.shiftKey) this.complete(name);
    else if (event.key === "Enter" && !event.shiftKey && this.field.value !== `/${name}`) this.complete(name);
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }
}
