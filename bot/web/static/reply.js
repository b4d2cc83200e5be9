// Draws the parts of a reply. `on` holds what the page does when something is pressed:
// send(message), act(button, card), open(items, index), explore(map).

import { inBytes } from "./details.js";
import { make, say } from "./dom.js";

/** The nodes of a reply, in reading order. */
export function drawReply(reply, on) {
  if (reply.error) {
    const text = make("span", {}, reply.error.message);
    return [make("p", { className: "problem" }, text)];
  }
  const belonging = new Map(
    reply.buttons.filter((b) => b.subject !== null).map((b) => [b.subject, b]),
  );
  const nodes = reply.parts.map((part) => drawers[part.type](part, on, belonging));
  const others = reply.buttons.filter((button) => button.subject === null);
  if (others.length) {
    const buttons = others.map((button) => {
      const node = make("button", { type: "button", className: "quiet" }, button.label);
      node.onclick = () => {
        node.disabled = true;
        on.act(button, null, node);
      };
      return node;
    });
    nodes.push(make("div", { className: "buttons" }, ...buttons));
  }
  return nodes;
}

const drawers = {
  text(part) {
    if (part.style === "heading") return make("h2", {}, part.text);
    return make("p", { className: part.style === "note" ? "note" : "" }, part.text);
  },

  pictures(part, on, belonging) {
    // What the viewer shows of them: a score in words that the server has made.
    const items = part.cards.map(({ score, ...card }) => ({ ...card, scoreText: score }));
    const cards = part.cards.map((card, index) =>
      drawCard(card, belonging.get(card.number), {
        open: () => on.open(items, index),
        act: on.act,
      }),
    );
    return make("ol", { className: "cards" }, ...cards);
  },

  sheet(part) {
    return make("img", { className: "sheet", alt: part.alt, src: part.url });
  },

  map(part, on) {
    const open = make("button", { type: "button", className: "quiet" }, say("explore_map"));
    open.onclick = () => on.explore(part);
    return make(
      "div",
      { className: "turn" },
      make("img", { className: "sheet", alt: part.alt, src: part.url }),
      make("div", { className: "buttons" }, open),
    );
  },

  captions(part) {
    const lines = part.lines.map((line) =>
      make(
        "li",
        {},
        make("img", { alt: "", loading: "lazy", src: line.thumbnail }),
        make("span", { className: "text", dir: "auto" }, line.caption),
        make("span", { className: "value" }, line.score),
      ),
    );
    return make("ol", { className: "captions" }, ...lines);
  },

  labels(part) {
    const bars = part.bars.map((bar) =>
      make(
        "li",
        {},
        make("span", { dir: "auto" }, bar.label),
        make("progress", { max: 1, value: bar.share, "aria-label": bar.label }),
        make("span", { className: "value" }, bar.value),
      ),
    );
    return make("ul", { className: "labels" }, ...bars);
  },

  progress(part) {
    const bar = make("progress", { max: part.total || 1, "aria-label": say("indexing") });
    if (part.total) bar.value = part.done;
    return make("div", { className: "working", "aria-live": "off" }, bar, make("p", {}, part.text));
  },

  facts(part) {
    const rows = part.rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
    return make("dl", { className: "facts" }, ...rows);
  },

  document(part) {
    const link = make("a", { className: "quiet", href: part.url, download: part.name });
    link.append(part.name, make("span", { className: "note" }, inBytes(part.bytes)));
    return make("p", { className: "document" }, link);
  },

  examples(part, on) {
    return drawExamples(make("ul", { className: "chips" }), part.messages, on.send);
  },
};

/** Buttons that send an example as a message. */
export function drawExamples(list, messages, send) {
  const items = messages.map((text) =>
    make("li", {}, make("button", { type: "button", dir: "auto", onclick: () => send({ text }) }, text)),
  );
  list.replaceChildren(...items);
  return list;
}

/** The score with its band as steps and in words: never by colour alone. */
export function drawScore(node, card) {
  const steps = make("span", { className: "steps", "aria-hidden": "true" });
  steps.append(make("i"), make("i"), make("i"));
  node.dataset.band = card.band;
  node.replaceChildren(steps, card.score);
  return node;
}

function drawCard(card, button, on) {
  const image = make("img", {
    alt: card.alt,
    loading: "lazy",
    decoding: "async",
    width: card.width,
    height: card.height,
    src: card.thumbnail,
  });
  const number = make("span", { className: "number", "aria-hidden": "true" }, String(card.number));
  const open = make(
    "button",
    { type: "button", className: "card-picture", onclick: on.open, "aria-haspopup": "dialog" },
    image,
    number,
  );
  image.onerror = () => {
    image.hidden = true;
    open.classList.add("gone");
    open.dataset.gone = say("picture_gone");
    open.setAttribute("aria-label", `${card.alt} ${say("picture_gone")}`);
  };
  const caption = make("p", { className: "caption", title: card.caption, dir: "auto" }, card.caption);
  const figure = make(
    "figcaption",
    {},
    caption,
    drawScore(make("p", { className: "score" }), card),
  );
  const isLike = button?.kind === "more_like";
  const named = isLike
    ? say("more_like_named", { name: card.caption })
    : `${button?.label}: ${card.caption}`;
  const press = button
    ? make(
        "button",
        { type: "button", className: "quiet", "aria-label": named, onclick: () => on.act(button, card) },
        isLike ? say("more_like_this") : button.label,
      )
    : null;
  return make("li", { className: "card" }, open, figure, press);
}
