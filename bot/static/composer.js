// Where messages are written: text, photos by file, paste or drop, commands, history.

import { byId, make, say } from "./dom.js";

const REMEMBERED = 50;

/** Calls `send({text, photos})` for each message and `complain(text)` for a wrong file. */
export class Composer {
  constructor({ send, complain }) {
    this.send = send;
    this.complain = complain;
    this.form = byId("composer");
    this.field = byId("message");
    this.menu = byId("commands");
    this.list = byId("photos");
    this.photos = [];
    this.commands = [];
    this.maxMib = Infinity;
    this.sent = [];
    this.recalled = 0;
    this.chosen = -1;

    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.field.addEventListener("input", () => this.changed());
    this.field.addEventListener("blur", () => this.closeMenu());
    const file = byId("file");
    byId("add-photo").onclick = () => file.click();
    file.onchange = () => {
      this.take([...file.files]);
      file.value = "";
    };
    document.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (!files.length) return;
      event.preventDefault();
      this.take(files);
    });
    this.listenForDrops();
  }

  listenForDrops() {
    const overlay = byId("drop");
    const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    let depth = 0;
    document.addEventListener("dragenter", (event) => {
      if (!hasFiles(event)) return;
      depth += 1;
      overlay.hidden = false;
    });
    document.addEventListener("dragleave", (event) => {
      if (!hasFiles(event)) return;
      depth = Math.max(0, depth - 1);
      overlay.hidden = depth === 0;
    });
    document.addEventListener("dragover", (event) => {
      if (hasFiles(event)) event.preventDefault();
    });
    document.addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth = 0;
      overlay.hidden = true;
      this.take([...event.dataTransfer.files]);
    });
  }

  /** Photos alone are a question already; beside words they wait for the words to be sent. */
  take(files) {
    const photos = files.filter((file) => !file.type || file.type.startsWith("image/"));
    if (!photos.length) {
      this.complain(say("no_photo"));
      return;
    }
    for (const photo of photos) {
      if (photo.size > this.maxMib * 2 ** 20) {
        this.complain(say("photo_too_large", { name: photo.name, n: this.maxMib }));
        return;
      }
    }
    this.photos.push(...photos);
    if (this.field.value.trim()) {
      this.drawPhotos();
      this.field.focus();
    } else {
      this.submit();
    }
  }

  drawPhotos() {
    for (const image of this.list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    const items = this.photos.map((photo, index) => {
      const remove = make("button", {
        type: "button",
        "aria-label": say("remove_photo", { name: photo.name }),
      }, "×");
      remove.onclick = () => {
        this.photos.splice(index, 1);
        this.drawPhotos();
        this.field.focus();
      };
      return make("li", {}, make("img", { src: URL.createObjectURL(photo), alt: photo.name }), remove);
    });
    this.list.replaceChildren(...items);
    this.list.hidden = !items.length;
  }

  submit() {
    const text = this.field.value.trim();
    const photos = this.photos;
    if (!text && !photos.length) return;
    if (text && this.sent.at(-1) !== text) this.sent.push(text);
    this.sent.splice(0, this.sent.length - REMEMBERED);
    this.recalled = this.sent.length;
    this.photos = [];
    this.drawPhotos();
    this.write("");
    this.send({ text, photos });
  }

  write(text) {
    this.field.value = text;
    this.field.setSelectionRange(text.length, text.length);
    this.changed();
  }

  changed() {
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight}px`;
    const typed = /^\/(\w*)$/.exec(this.field.value);
    const fitting = typed ? this.commands.filter((c) => c.name.startsWith(typed[1].toLowerCase())) : [];
    const items = fitting.map((command, index) => {
      const item = make("li", { role: "option", id: `command-${index}` },
        make("b", {}, `/${command.name}`), make("span", {}, command.summary));
      item.dataset.name = command.name;
      // Before the field loses its focus, which closes the menu.
      item.onpointerdown = (event) => {
        event.preventDefault();
        this.complete(command.name);
      };
      return item;
    });
    this.menu.replaceChildren(...items);
    this.menu.hidden = !items.length;
    this.choose(items.length ? 0 : -1);
  }

  choose(index) {
    this.chosen = index;
    [...this.menu.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === index)));
    this.menu.children[index]?.scrollIntoView({ block: "nearest" });
    if (index >= 0) this.field.setAttribute("aria-activedescendant", `command-${index}`);
    else this.field.removeAttribute("aria-activedescendant");
  }

  closeMenu() {
    this.menu.hidden = true;
    this.choose(-1);
  }

  complete(name) {
    this.write(`/${name} `);
    this.closeMenu();
  }

  key(event) {
    if (event.isComposing) return;
    const open = !this.menu.hidden;
    const items = this.menu.children;
    const name = open ? items[this.chosen]?.dataset.name : undefined;
    if (event.key === "Enter" && !event.shiftKey) {
      // A command written in full is sent; a part of one is completed first.
      if (name && this.field.value !== `/${name}`) this.complete(name);
      else this.submit();
    } else if (event.key === "Tab" && name && !event.shiftKey) this.complete(name);
    else if (event.key === "Escape" && open) this.closeMenu();
    else if (event.key === "Escape") this.clear();
    else if (event.key === "ArrowDown" && open) this.choose((this.chosen + 1) % items.length);
    else if (event.key === "ArrowUp" && open) this.choose((this.chosen + items.length - 1) % items.length);
    else if (event.key === "ArrowUp" && this.recall(-1)) return event.preventDefault();
    else if (event.key === "ArrowDown" && this.recall(1)) return event.preventDefault();
    else return undefined;
    return event.preventDefault();
  }

  /** One step through what was sent, where the field is empty or shows a recalled message. */
  recall(step) {
    const showing = this.field.value === (this.sent[this.recalled] ?? "");
    const index = this.recalled + step;
    if (!showing || index < 0 || index > this.sent.length) return false;
    this.recalled = index;
    this.write(this.sent[index] ?? "");
    this.closeMenu();
    return true;
  }

  clear() {
    this.photos = [];
    this.drawPhotos();
    this.recalled = this.sent.length;
    this.write("");
  }
}
