// The conversation: what was asked, what came back, and what may be asked next.

import * as api from "./api.js";
import { Composer } from "./composer.js";
import { byId, make, pause, say } from "./dom.js";
import { CollectionMap } from "./map.js";
import { drawExamples, drawReply } from "./reply.js";
import { Viewer } from "./viewer.js";

// A quota that ends this soon (seconds) is waited for instead of told.
const SHORT_WAIT = 6;
const BUSY_POLL_MS = 700;
const IDLE_POLL_MS = 5000;

const log = byId("log");
let polling = 0;

function turn(side, name, ...nodes) {
  byId("hello").hidden = true;
  const node = make("article", { className: `turn ${side}`, "aria-label": name }, ...nodes);
  log.append(node);
  return node;
}

function drawQuestion({ text, photos = [], card = null }) {
  const images = photos.map((photo) =>
    make("img", { src: URL.createObjectURL(photo), alt: say("your_photo") }),
  );
  if (card) images.push(make("img", { src: card.thumbnail, alt: "" }));
  const sent = images.length ? make("div", { className: "sent" }, ...images) : null;
  const bubble = text ? make("p", { className: "bubble", dir: "auto" }, text) : null;
  return turn("mine", say("you"), sent, bubble);
}

function drawPending() {
  const dots = make("i", { "aria-hidden": "true" }, make("b"), make("b"), make("b"));
  const text = make("span", {}, say("searching"));
  const node = make("div", { className: "pending", role: "status" }, dots, text);
  return { node, text };
}

function show(node) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  node.scrollIntoView({ block: "start", behavior: calm ? "auto" : "smooth" });
}

/** Ask, wait out a short quota, and draw what comes back. */
async function ask(question) {
  const mine = drawQuestion(question);
  const theirs = turn("theirs", say("title"));
  theirs.setAttribute("aria-busy", "true");
  const pending = drawPending();
  theirs.append(pending.node);
  show(mine);
  const message = { ...question, text: question.action ? "" : question.text };
  try {
    let reply = await api.chat(message);
    for (let tries = 0; tries < 2 && isShortWait(reply.error); tries += 1) {
      for (let left = Math.ceil(reply.error.retry_after); left > 0; left -= 1) {
        pending.text.textContent = say("waiting", { n: left });
        await pause(1000);
      }
      pending.text.textContent = say("searching");
      reply = await api.chat(message);
    }
    draw(theirs, reply, question);
  } catch (error) {
    drawTrouble(theirs, error, () => ask(question));
  } finally {
    theirs.removeAttribute("aria-busy");
  }
}

const isShortWait = (error) =>
  error?.code === "too_many_requests" && error.retry_after <= SHORT_WAIT;

function draw(theirs, reply, question) {
  const on = {
    send: ask,
    open: (cards, index, likes) => viewer.open(cards, index, likes),
    explore: (part) => map.open(part),
    act: (button, card, node) =>
      button.kind === "set" ? change(theirs, button, node) : act(button, card, question),
  };
  theirs.replaceChildren(...drawReply(reply, on));
  if (reply.job) follow(theirs, reply.job, on);
  else if (changesCollection(question)) greet();
}

function act(button, card, question) {
  // A picture does not fit into a button: the page still has it, and sends it again.
  const photos = button.needs_picture ? question.photos : [];
  // What is removed cannot be shown again.
  const shown = button.kind === "more_like" ? card : null;
  ask({ text: button.label, action: button.action, photos, card: shown, kind: button.kind });
  composer.field.focus({ preventScroll: true });
}

const CHANGING = new Set(["add", "remove", "restore"]);

const changesCollection = ({ text, kind }) =>
  CHANGING.has(kind) || /^\/(add|remove)\b/i.test(text ?? "");

/** Turn a setting over: the reply that shows it is drawn anew where it stands. */
async function change(theirs, button, node) {
  const place = [...theirs.querySelectorAll(".buttons button")].indexOf(node);
  const question = { text: button.label, action: button.action };
  try {
    const reply = await api.chat({ action: button.action });
    if (reply.error) {
      node.disabled = false;
      theirs.querySelector(".problem")?.remove();
      theirs.append(...drawReply(reply, {}));
    } else {
      draw(theirs, reply, question);
      theirs.querySelectorAll(".buttons button")[place]?.focus({ preventScroll: true });
    }
  } catch (error) {
    drawTrouble(theirs, error, () => change(theirs, button, node));
  }
}

function drawTrouble(theirs, error, again) {
  if (error.status === 403) askForToken();
  const text = error instanceof api.Refusal && error.message ? error.message : say("offline");
  const retry = make("button", { type: "button", className: "quiet" }, say("try_again"));
  retry.onclick = () => {
    retry.disabled = true;
    again();
  };
  theirs.replaceChildren(
    make("p", { className: "problem" }, make("span", {}, text)),
    make("div", { className: "buttons" }, retry),
  );
}

/** Draw a reindex anew until its summary has come. */
async function follow(theirs, job, on) {
  watch();
  let failures = 0;
  while (failures < 10) {
    await pause(BUSY_POLL_MS);
    try {
      const { reply } = await api.progress(job);
      failures = 0;
      theirs.replaceChildren(...drawReply(reply, on));
      if (!reply.job) break;
    } catch {
      failures += 1;
    }
  }
  greet();
}

/** Keep the header's bar true: often while something runs, now and then otherwise. */
async function watch() {
  clearTimeout(polling);
  let running = [];
  if (!document.hidden) {
    try {
      ({ running } = await api.progress());
    } catch {
      // The next look will tell; a message that fails says so itself.
    }
    const [work] = running;
    byId("work").hidden = !work;
    if (work) {
      const bar = byId("work-bar");
      bar.max = work.total || 1;
      if (work.total) bar.value = work.done;
      else bar.removeAttribute("value");
      byId("work-text").textContent = work.text;
    }
  }
  clearTimeout(polling);
  polling = setTimeout(watch, running.length ? BUSY_POLL_MS : IDLE_POLL_MS);
}

async function greet() {
  try {
    const welcome = await api.welcome();
    byId("summary").textContent = welcome.summary;
    composer.commands = welcome.commands;
    composer.maxMib = welcome.max_mib;
    drawExamples(byId("examples"), welcome.examples, ask);
  } catch (error) {
    if (error.status === 403) askForToken();
    else byId("summary").textContent = "";
  }
}

function askForToken() {
  const dialog = byId("login");
  if (!dialog.open) dialog.showModal();
  byId("login-form").onsubmit = async (event) => {
    event.preventDefault();
    try {
      await api.logIn(byId("token").value.trim());
      byId("token").value = "";
      byId("login-error").textContent = "";
      dialog.close();
      await greet();
      watch();
      composer.field.focus();
    } catch (error) {
      byId("login-error").textContent = error.message || say("token_wrong");
    }
  };
}

const viewer = new Viewer((button, card) => act(button, card, {}));
const map = new CollectionMap((button, card) => act(button, card, {}));
byId("open-map").onclick = () => map.open();
const composer = new Composer({
  send: ask,
  complain: (text) => {
    const nodes = [make("p", { className: "problem" }, make("span", {}, text))];
    show(turn("theirs", say("title"), ...nodes));
  },
});
document.addEventListener("visibilitychange", () => !document.hidden && watch());
composer.field.focus();
greet();
watch();
