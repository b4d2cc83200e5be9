// The photo that questions and commands are about, until it is taken off.

import { fileOf, thumbnailOf } from "./api.js";
import { byId, make, say } from "./dom.js";
import { moves } from "./kept.js";

/**
 * Holds one photo: a file of the reader's, or a picture of the collection. Whoever shows it
 * listens for "change"; `complain(text)` tells of a wrong file.
 */
export class Attached extends EventTarget {
  constructor(complain) {
    super();
    this.complain = complain;
    this.photo = null;
    // A photo of the reader's has no address: the page knows it as long as it stands.
    this.numbered = [];
    this.maxMib = Infinity;
    const file = byId("file");
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
    const over = (event, step) => {
      if (!hasFiles(event)) return;
      depth = Math.max(0, depth + step);
      overlay.hidden = depth === 0;
    };
    document.addEventListener("dragenter", (event) => over(event, 1));
    document.addEventListener("dragleave", (event) => over(event, -1));
    document.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
    document.addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      over(event, -depth);
      this.take([...event.dataTransfer.files]);
    });
  }

  /** Attach the first photo of some files. */
  take(files) {
    const file = files.find((each) => !each.type || /^(image|video)\//.test(each.type));
    if (!file) this.complain(say("no_photo"));
    else if (file.size > this.maxMib * 2 ** 20) {
      this.complain(say("photo_too_large", { name: file.name, n: this.maxMib }));
    } else {
      const name = file.name || say("your_photo");
      this.set({ file, name, url: URL.createObjectURL(file) });
      if (files.length > 1) this.complain(say("one_photo", { name }));
    }
  }

  /** Attach a picture of the collection. */
  pick({ id, caption }) {
    this.set({ id, name: caption || say("no_caption"), url: thumbnailOf(id, 240) });
  }

  set(photo) {
    if (this.photo === photo) return;
    this.photo = photo;
    this.dispatchEvent(new Event("change"));
  }

  remove() {
    this.set(null);
  }

  /** A number under which `known` gives the photo again; 0 where it has an address, or is none. */
  keyOf(photo) {
    if (!photo?.file) return 0;
    if (!this.numbered.includes(photo)) this.numbered.push(photo);
    return this.numbered.indexOf(photo) + 1;
  }

  known(key) {
    return this.numbered[key - 1] ?? null;
  }

  /** The photo as files to send along: none, or one. Raises TypeError where it does not come. */
  async files() {
    if (!this.photo) return [];
    const { file, id, name } = this.photo;
    if (file) return [file];
    const response = await fetch(fileOf(id), { credentials: "same-origin" });
    if (!response.ok) throw new TypeError(say("picture_gone"));
    const data = await response.blob();
    return [new File([data], name, { type: data.type })];
  }

  /**
   * Keep a place true to the photo; `field` has the keyboard after it was taken off there, and
   * `removed(photo)` follows.
   */
  showIn(place, field, removed = () => {}) {
    const draw = () => {
      const { photo } = this;
      place.hidden = !photo;
      if (!photo) {
        place.replaceChildren();
        return;
      }
      const remove = make(
        "button",
        { type: "button", "aria-label": say("remove_photo", { name: photo.name }), title: say("remove") },
        "×",
      );
      remove.onclick = () => {
        this.remove();
        field.focus();
        removed(photo);
      };
      const name = make("span", { dir: "auto" }, photo.file ? say("your_photo") : photo.name);
      const sight = moves(photo.file)
        ? make("video", { src: photo.url, muted: true, "aria-label": photo.name })
        : make("img", { src: photo.url, alt: photo.name });
      place.replaceChildren(sight, name, remove);
    };
    this.addEventListener("change", draw);
    draw();
  }
}
