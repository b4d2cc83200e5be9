// What stands in place of pictures.

import { byId, make, say } from "./dom.js";

/** Nothing to see: why, and what to do about it. */
export function notice({ title = "", text = "", again = null } = {}) {
  const retry = again && make("button", { type: "button", className: "quiet", onclick: again }, say("try_again"));
  byId("notice").replaceChildren(
    ...(title ? [make("h2", {}, title)] : []),
    ...(text ? [make("p", {}, text)] : []),
    ...(retry ? [retry] : []),
  );
  byId("notice").hidden = !title && !text;
}
