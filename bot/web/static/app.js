// The page: pictures, search bar, viewer, conversation and map, and their addresses.

import * as address from "./address.js";
import * as api from "./api.js";
import { Attached } from "./attached.js";
import { offer } from "./command_menu.js";
import { byId, say } from "./dom.js";
import { Gallery } from "./gallery.js";
import { Indexing } from "./indexing.js";
import { askForToken } from "./login.js";
import { CollectionMap } from "./map.js";
import { notice } from "./notice.js";
import { SearchBar } from "./search_bar.js";
import { Shown } from "./sources.js";
import { Talk } from "./talk.js";
import { Topics } from "./topics.js";
import { Viewer } from "./viewer.js";

const GREETINGS = 6;
const AGAIN_MS = 5000;

// -- addresses -------------------------------------------------------------------------

const questionOf = ({ q, photo }) => ({ q, like: photo?.id ?? "" });

function note() {
  const state = { ...history.state, y: scrollY, reached: gallery.grid.reached };
  history.replaceState(state, "");
}

/** Ask: the address follows, and the way back leads to where one was. */
function ask(question, { y = null } = {}) {
  note();
  if (gallery.shows(question)) {
    gallery.show(question);
    return;
  }
  history.pushState({ photo: attached.keyOf(question.photo) }, "", address.write(questionOf(question)));
  gallery.show(question, { y });
}

function search(q) {
  talk.giveWay();
  ask({ q, photo: attached.photo });
}

function clear() {
  attached.remove();
  bar.write("");
  if (!gallery.shows({ q: "", photo: null })) ask({ q: "", photo: null });
}

function like(item) {
  attached.pick(item);
  bar.write("");
  search("");
}

/** Make the page what an address says: at the start, and on the way back and forward. */
async function arrive() {
  const state = history.state ?? {};
  const { picture, q, like: id } = address.read(location);
  const asked = gallery.question?.photo;
  let photo = attached.known(state.photo);
  if (id) photo = asked?.id === id ? asked : await pictureOf(id);
  const question = { q, photo };
  if (!picture && viewer.dialog.open) {
    viewer.hide();
    focusSeen();
  }
  // What is in the bar for the next question stays there, unless another one is shown now.
  if (!gallery.shows(question)) {
    attached.set(photo);
    bar.write(q);
    const shown = gallery.show(question, state);
    if (!picture) await shown;
    else shown.then(() => viewer.item?.id === picture && inPlace(picture));
  }
  if (picture) await openPicture(picture);
}

async function pictureOf(id) {
  const photo = { id, name: say("your_photo"), url: api.thumbnailOf(id, 240) };
  try {
    const { captions } = await api.details(id);
    photo.name = captions?.[0] || say("no_caption");
  } catch {
    // The search with it tells what is wrong.
  }
  return photo;
}

const indexOf = (source, id) => source?.items.findIndex((item) => item.id === id) ?? -1;

/** Open a picture by its id: among its neighbours where they are known, else alone. */
async function openPicture(id) {
  if (viewer.dialog.open && viewer.item?.id === id) return;
  if (inPlace(id)) return;
  try {
    const { captions = [], ...details } = await api.details(id);
    if (address.read(location).picture !== id || inPlace(id)) return;
    viewer.open(new Shown([{ ...details, id, caption: captions[0] ?? "" }]), 0);
  } catch (error) {
    if (error.status === 403) locked();
    else notice({ title: say("no_such_picture"), text: api.reason(error) });
  }
}

function inPlace(id) {
  const index = indexOf(gallery.source, id);
  if (index >= 0) viewer.open(gallery.source, index);
  return index >= 0;
}

// -- parts -----------------------------------------------------------------------------

const attached = new Attached((text) => notice({ text }));
const addressOf = (item) => address.write({ picture: item.id, ...questionOf(gallery.question) });

const viewer = new Viewer({
  moved: (item) => history.replaceState(history.state, "", addressOf(item)),
  closed: () => {
    if (history.state?.viewer) history.back();
    else leavePicture();
    focusSeen();
  },
  like,
  words: (item) => {
    leavePicture();
    talk.giveWay();
    attached.pick(item);
    bar.write("");
    bar.field.focus();
  },
  label: (label) => {
    attached.remove();
    bar.write(`label:${label}`);
    search(bar.text);
  },
});

/** Back to the address of what lies behind the viewer. */
function leavePicture() {
  const state = { ...history.state, viewer: false };
  history.replaceState(state, "", address.write(questionOf(gallery.question)));
}

/** Give the keyboard to the picture that was looked at last. */
function focusSeen() {
  if (viewer.source !== gallery.source) return;
  const index = indexOf(gallery.source, viewer.item?.id);
  if (index >= 0) gallery.grid.focus(index);
}

function open(source, index) {
  note();
  const state = { ...history.state, viewer: true };
  history.pushState(state, "", addressOf(source.items[index]));
  viewer.open(source, index);
}

const gallery = new Gallery({
  open,
  clear,
  locked,
  href: (item) => addressOf(item),
  indexing: () => indexing.running,
});

const map = new CollectionMap(like);
byId("open-map").onclick = () => map.open();

const talk = new Talk(attached, {
  open: (items, index) => open(new Shown(items), index),
  explore: (part) => map.open(part),
  changed: () => changed(),
  locked,
});

const bar = new SearchBar({
  attached,
  search,
  clear,
  // What is shown was asked with the photo: now it is asked without.
  removed: (photo) => {
    if (gallery.question?.photo !== photo) return;
    if (bar.text) search(bar.text);
    else clear();
  },
  command: (text) => {
    talk.composer.remember(text);
    talk.say(text);
  },
});

const topics = new Topics({
  search: (text) => {
    bar.write(text);
    search(text);
  },
  ask: (text) => talk.ask({ text }),
});

const indexing = new Indexing((ended) => changed(ended));

// -- life ------------------------------------------------------------------------------

let greeted = 0;

async function greet() {
  try {
    const welcome = await api.welcome();
    byId("summary").textContent = welcome.summary;
    offer(welcome.commands);
    attached.maxMib = welcome.max_mib;
    topics.draw(welcome.topics);
    // A large collection thinks about them for longer than a page waits.
    if (!welcome.topics.length && greeted < GREETINGS) setTimeout(greet, AGAIN_MS);
    greeted += 1;
  } catch (error) {
    if (error.status === 403) locked();
  }
}

async function changed(ended = false) {
  indexing.watch();
  await Promise.all([greet(), gallery.refresh(ended)]);
}

function locked() {
  askForToken(() => {
    greet();
    indexing.watch();
    arrive();
    bar.field.focus();
  });
}

history.scrollRestoration = "manual";
addEventListener("popstate", arrive);
addEventListener("pagehide", note);
byId("home").onclick = (event) => {
  event.preventDefault();
  clear();
  scrollTo({ top: 0 });
};
greet();
indexing.watch();
arrive();
