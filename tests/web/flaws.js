// What a checker of accessibility would report: names, labels, ids, alternative texts.
() => {
  const flaws = [];
  const name = node => {
    const by = (node.getAttribute('aria-labelledby') ?? '').split(' ').filter(Boolean)
      .map(id => document.getElementById(id)?.textContent ?? '').join(' ');
    const alts = [...node.querySelectorAll('img')].map(i => i.alt).join(' ');
    const labels = [...(node.labels ?? [])].map(l => l.textContent).join(' ');
    return (by || node.getAttribute('aria-label') || labels || node.textContent + alts).trim();
  };
  for (const n of document.querySelectorAll('button, a[href], input:not([hidden]), textarea, select, progress, dialog, aside, [role=log], [role=listbox], [role=combobox]'))
    if (!name(n)) flaws.push('no name: ' + n.outerHTML.slice(0, 80));
  for (const n of document.querySelectorAll('img')) if (!n.hasAttribute('alt')) flaws.push('no alt: ' + n.src);
  const ids = [...document.querySelectorAll('[id]')].map(n => n.id);
  for (const id of ids) if (ids.filter(i => i === id).length > 1) flaws.push('twice: ' + id);
  for (const n of document.querySelectorAll('[aria-controls], [aria-describedby], [aria-labelledby], [aria-activedescendant]'))
    for (const a of ['aria-controls', 'aria-describedby', 'aria-labelledby', 'aria-activedescendant'])
      for (const id of (n.getAttribute(a) ?? '').split(' ').filter(Boolean))
        if (!document.getElementById(id)) flaws.push(a + ' names nothing: ' + id);
  if (!document.documentElement.lang) flaws.push('no language');
  if (document.querySelectorAll('h1').length !== 1) flaws.push('not one h1');
  if (document.querySelectorAll('main').length !== 1) flaws.push('not one main');
  if (document.querySelector('[tabindex]:not([tabindex="0"]):not([tabindex="-1"])')) flaws.push('tab order');
  return flaws;
}
