// Words and elements. Text enters the page through textContent alone, never as markup.

const words = JSON.parse(document.getElementById("words").textContent);

/** The sentence of this key, its {places} filled in. */
export function say(key, values = {}) {
  return words[key].replace(/\{(\w+)\}/g, (place, name) => String(values[name] ?? place));
}

/** The element of this id, which the page has for certain. */
export const byId = (id) => document.getElementById(id);

/**
 * A new element. `props` are properties (className, onclick, ...); those with a hyphen or
 * called role are attributes. Children are nodes or strings; null ones are left out.
 */
export function make(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined) continue;
    if (name.includes("-") || name === "role") node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** Which way the next one lies: 1 to the right, -1 where the page is read from right to left. */
export const onward = () => (document.documentElement.dir === "rtl" ? -1 : 1);

/** Waits for so many milliseconds. */
export const pause = (ms) => new Promise((done) => setTimeout(done, ms));
