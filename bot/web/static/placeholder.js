// What a picture's place shows before the picture has come: a few pixels of it, softly scaled.

const TINY = /^data:image\/webp;base64,[\w+/=]+$/;

/**
 * Paint a node with a placeholder, an address that holds a tiny picture, or with none; over it
 * lie the pictures at further addresses as they come.
 */
export function paint(node, placeholder, ...over) {
  const tiny = TINY.test(placeholder ?? "") ? [placeholder] : [];
  node.style.backgroundImage = [...over, ...tiny].map((address) => `url("${address}")`).join(", ");
}
