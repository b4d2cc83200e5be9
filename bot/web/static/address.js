// What the page shows, as an address: /, /?q=words, /?like=<id>&q=words, /p/<id>.

/** `{picture, q, like}` of an address; what it lacks is "". */
export function read({ pathname, search }) {
  const asked = new URLSearchParams(search);
  const [, id = ""] = /^\/p\/([^/]+)$/.exec(pathname) ?? [];
  return {
    picture: decoded(id),
    q: asked.get("q")?.trim() ?? "",
    like: asked.get("like") ?? "",
  };
}

/** A part of an address as text; what is no UTF-8 names nothing, and stays as it is. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The address that `read` understands. */
export function write({ picture = "", q = "", like = "" }) {
  const asked = new URLSearchParams();
  if (like) asked.set("like", like);
  if (q) asked.set("q", q);
  const path = picture ? `/p/${encodeURIComponent(picture)}` : "/";
  return asked.size ? `${path}?${asked}` : path;
}

/** Words and what shall not be there: `fruit --exclude apple`. */
export function parted(text) {
  const [, q, exclude] = /^(.*?)(?:\s(?:--|—|–)exclude[\s=]+(.+))?$/s.exec(text);
  return { q: q.trim(), exclude: exclude?.trim() };
}
