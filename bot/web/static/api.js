// The server, as this page sees it.

import { say } from "./dom.js";

/** An answer that is no reply: its status, the server's code and words, and when to come again. */
export class Refusal extends Error {
  constructor(status, code, message, retryAfter = Infinity) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** Why something did not come, in words: the server's own, or that there was none. */
export const reason = (error) => (error instanceof Refusal && error.message) || say("offline");

async function call(path, options) {
  const response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  let body = null;
  try {
    body = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
  }
  if (response.ok && body) return body;
  const wait = Number(response.headers.get("Retry-After") ?? NaN);
  const { code = "internal", message = "" } = body?.error ?? {};
  throw new Refusal(response.status, code, message, Number.isFinite(wait) ? wait : Infinity);
}

/** `a=1&b=x` of what is given; empty values are left out. */
function asked(values) {
  const given = Object.entries(values).filter(([, value]) => value !== "" && value !== undefined);
  return new URLSearchParams(given);
}

const path = (id) => `/api/pictures/${encodeURIComponent(id)}`;

/** The collection's pictures, newest first: those behind the cursor `after`. */
export const pictures = ({ after, limit }, signal) =>
  call(`/api/pictures?${asked({ after, limit })}`, { signal });

/** Captions, path, size, date and labels of one picture. */
export const details = (id, signal) => call(path(id), { signal });

/** Pictures that words describe, best first. */
export const find = ({ q, exclude, k, offset }, signal) =>
  call(`/api/find?${asked({ q, exclude, k, offset })}`, { signal });

/** Pictures like one of the collection, changed by words where there are some. */
export const like = (id, { text, k, offset }, signal) =>
  call(`${path(id)}/similar?${asked({ text, k, offset })}`, { signal });

/** Pictures like a photo, changed by words where there are some. */
export function similar(photo, { text, k, offset }, signal) {
  const form = new FormData();
  form.append("image", photo, photo.name || "photo");
  for (const [name, value] of asked({ text, k, offset })) form.append(name, value);
  return call("/api/similar", { method: "POST", body: form, signal });
}

/** Send a message, a photo or a button's action to the conversation; resolves to a reply. */
export function chat({ text = "", photos = [], action = "" }, signal) {
  const form = new FormData();
  form.append("text", text);
  if (action) form.append("action", action);
  for (const photo of photos) form.append("image", photo, photo.name || "photo");
  return call("/api/chat", { method: "POST", body: form, signal });
}

/** How many pictures there are, what one may ask for, and the commands. */
export const welcome = () => call("/api/welcome");

/** The reindexes under way; with a job, also the reply about it. */
export const progress = (job = "") => call(`/api/progress?job=${encodeURIComponent(job)}`);

/** Where every picture of a collection lies on its map. */
export const map = ({ collection, groups, text }) =>
  call(`/api/map?${new URLSearchParams({ collection, groups, q: text })}`);

/** Exchange the token for a cookie. */
export const logIn = (token) =>
  call("/api/login", { method: "POST", headers: { Authorization: `Bearer ${token}` } });

/** The address of a picture's file, and of a small one of at most `edge` pixels. */
export const fileOf = (id) => `/pictures/${encodeURIComponent(id)}`;
export const playedOf = (id) => `${fileOf(id)}?play=1`;
/** `at`: of a picture that moves the frame at this second. */
export const thumbnailOf = (id, edge, at) =>
  `${fileOf(id)}/thumbnail?edge=${edge}${at ? `&at=${at}` : ""}`;
