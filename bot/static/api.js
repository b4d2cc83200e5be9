// The server, as this page sees it.

/** An answer that is no reply: its status, the server's code and its words. */
export class Refusal extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function call(path, options) {
  const response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  let body = null;
  try {
    body = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
  }
  if (response.ok && body) return body;
  throw new Refusal(response.status, body?.error?.code ?? "internal", body?.error?.message ?? "");
}

/** Send a message, photos or a button's action; resolves to a reply. */
export function chat({ text = "", photos = [], action = "" }, signal) {
  const form = new FormData();
  form.append("text", text);
  if (action) form.append("action", action);
  for (const photo of photos) form.append("image", photo, photo.name || "photo");
  return call("/api/chat", { method: "POST", body: form, signal });
}

/** What an empty conversation shows. */
export const welcome = () => call("/api/welcome");

/** The reindexes under way; with a job, also the reply about it. */
export const progress = (job = "") => call(`/api/progress?job=${encodeURIComponent(job)}`);

/** Where every picture of a collection lies on its map. */
export const map = ({ collection, groups, text }) =>
  call(`/api/map?${new URLSearchParams({ collection, groups, q: text })}`);

/** What a picture of the map leads to. */
export const mapped = (id) => call(`/api/map/${encodeURIComponent(id)}`);

/** Exchange the token for a cookie. */
export const logIn = (token) =>
  call("/api/login", { method: "POST", headers: { Authorization: `Bearer ${token}` } });
