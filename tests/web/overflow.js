// What sticks out of the window sideways, what opens beyond its edges, cut words, and parts of the
// header that lie over each other.
async () => {
  // Rows are laid out anew in the frame that follows a change of the window.
  for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
  const wide = document.documentElement.clientWidth;
  const found = [];
  for (const node of document.querySelectorAll("body *")) {
    const box = node.getBoundingClientRect();
    if (!box.width || !box.height || node.closest(".skip, .topics, .viewer-stage")
        || getComputedStyle(node).clipPath !== "none") continue;
    const named = `${node.tagName}.${node.className?.baseVal ?? node.className}`;
    if (box.left < -1 || box.right > wide + 1) found.push(`outside: ${named}`);
    if (node.matches("button, h1, h2, label, .summary, .hint, .score, .commands li")
        && node.scrollWidth > node.clientWidth + 1) found.push(`cut: ${named} ${node.textContent}`);
  }
  for (const node of document.querySelectorAll(".commands:not([hidden]), dialog[open]")) {
    const box = node.getBoundingClientRect();
    if (box.top < 0 || box.bottom > innerHeight) found.push(`beyond: ${node.className}`);
  }
  const parts = [...document.querySelectorAll(".bar > *")]
    .map((node) => [node.className, node.getBoundingClientRect()])
    .filter(([, box]) => box.width && box.height);
  for (const [name, one] of parts) {
    for (const [other, two] of parts) {
      if (name < other && one.left < two.right - 1 && two.left < one.right - 1
          && one.top < two.bottom - 1 && two.top < one.bottom - 1) found.push(`over: ${name} ${other}`);
    }
  }
  if (document.documentElement.scrollWidth > wide) found.push("the page scrolls sideways");
  return found;
}
