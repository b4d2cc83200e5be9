// What a picture's place shows before the picture has come: a few pixels of it, softly scaled.

const TINY = /^data:image\/webp;base64,[\w+/=]+$/;

/** Paint a node with a placeholder, an address that holds a tiny picture, or with none. */
export function paint(node, placeholder) {
  node.style.backgroundImage = TINY.test(placeholder ?? "") ? `url("${placeholder}")` : "";
}
