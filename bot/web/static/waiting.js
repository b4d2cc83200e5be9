// What is told while an answer is on its way, and what is waited for.

import * as api from "./api.js";
import { make, pause, say } from "./dom.js";

// A quota that ends this soon (seconds) is waited for instead of told.
export const SHORT_WAIT = 6;

const isShortWait = (error) =>
  error?.code === "too_many_requests" && error.retry_after <= SHORT_WAIT;

/** Waits for some seconds and tells each: `tell(n)`, at the end `tell(0)`. */
export async function countDown(seconds, tell) {
  for (let left = Math.ceil(seconds); left > 0; left -= 1) {
    tell(left);
    await pause(1000);
  }
  tell(0);
}

/** A reply of the conversation, once a short quota is over; `text` counts down. */
export async function patiently(message, text) {
  let reply = await api.chat(message);
  for (let tries = 0; tries < 2 && isShortWait(reply.error); tries += 1) {
    await countDown(reply.error.retry_after, (n) => {
      text.textContent = n ? say("waiting", { n }) : say("searching");
    });
    reply = await api.chat(message);
  }
  return reply;
}

/** Dots and words in place of a reply: `{node, text}`. */
export function drawPending() {
  const dots = make("i", { "aria-hidden": "true" }, make("b"), make("b"), make("b"));
  const text = make("span", {}, say("searching"));
  const node = make("div", { className: "pending", role: "status" }, dots, text);
  return { node, text };
}
