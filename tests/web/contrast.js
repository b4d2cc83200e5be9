// Contrast of every visible text with what is behind it (WCAG 2.2, 1.4.3), below `limit`.
limit => {
  const parse = text => {
    const srgb = text.match(/color\(srgb ([^)]+)\)/);
    if (srgb) {
      const [r, g, b, , a = 1] = srgb[1].split(' ').map(Number);
      return [r * 255, g * 255, b * 255, a];
    }
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = (top, below) => top.slice(0, 3).map((c, i) => c * top[3] + below[i] * (1 - top[3]));
  const behind = node => {
    const layers = [];
    for (let n = node; n; n = n.parentElement) layers.push(parse(getComputedStyle(n).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
  };
  const light = rgb => {
    const [r, g, b] = rgb.map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let checked = 0;
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility() || node.closest('script')) continue;
    const back = behind(node);
    const front = over(parse(getComputedStyle(node).color), back);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    checked += 1;
    if (ratio < limit) poor.push(`${ratio.toFixed(2)} ${walker.currentNode.data.slice(0, 30)}`);
  }
  return [checked, poor];
}
