/** Evaluated in a page: what WCAG asks of contrast, landmarks, headings, names and tables, as far as a program can tell. One sentence a fault. */
(() => {
  const faults = [];
  const textOf = (element) => (element.textContent ?? '').trim();
  const isShown = (element) => element.getClientRects().length > 0;

  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = (color) => {
    const [red, green, blue] = channels(color).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((left, right) => left - right);
    return (light + 0.05) / (dark + 0.05);
  };
  const groundOf = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      const [, , , alpha = 1] = channels(color);
      if (alpha > 0) return color;
    }
    return 'rgb(255, 255, 255)';
  };

  for (const element of document.querySelectorAll('body *')) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== '');
    if (!isShown(element)) continue;
    if (hasText && element.namespaceURI === 'http://www.w3.org/1999/xhtml') {
      const ratio = contrast(getComputedStyle(element).color, groundOf(element));
      if (ratio < 4.5) faults.push(`contrast ${ratio.toFixed(2)} of ${textOf(element).slice(0, 40)}`);
    }
    if (element.localName === 'rect') {
      const ratio = contrast(getComputedStyle(element).fill, groundOf(element));
      if (ratio < 3) faults.push(`contrast ${ratio.toFixed(2)} of a plot`);
    }
  }

  if (!document.documentElement.lang) faults.push('no language');
  if (document.title.trim() === '') faults.push('no title');
  for (const landmark of ['header', 'main', 'footer']) {
    if (document.querySelectorAll(landmark).length !== 1) faults.push(`not one ${landmark}`);
  }
  for (const child of document.body.children) {
    if (!child.matches('header, main, footer, a.skip')) faults.push(`${child.localName} stands in no landmark`);
  }

  let level = 0;
  for (const heading of document.querySelectorAll('h1, h2, h3, h4, h5, h6')) {
    const next = Number(heading.localName.slice(1));
    if (next > level + 1) faults.push(`${heading.localName} after h${level}`);
    if (textOf(heading) === '') faults.push(`${heading.localName} without a text`);
    level = next;
  }
  if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1');

  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  if (new Set(ids).size !== ids.length) faults.push('an id stands twice');
  for (const element of document.querySelectorAll('[aria-labelledby]')) {
    const label = document.getElementById(element.getAttribute('aria-labelledby'));
    if (label === null || textOf(label) === '') faults.push(`${element.localName} is labelled by nothing`);
  }
  for (const link of document.querySelectorAll('a, summary, button')) {
    if (textOf(link) === '') faults.push(`${link.localName} without a name`);
  }
  for (const link of document.querySelectorAll('a[href^="#"]')) {
    if (document.getElementById(link.hash.slice(1)) === null) faults.push(`${link.hash} leads nowhere`);
  }
  for (const picture of document.querySelectorAll('svg')) {
    const isNamed = picture.getAttribute('role') === 'img' && picture.querySelector('title') !== null;
    if (!isNamed && picture.getAttribute('aria-hidden') !== 'true') faults.push('a plot without a name');
  }

  for (const table of document.querySelectorAll('table')) {
    const heads = table.tHead?.rows[0]?.cells ?? [];
    const name = table.caption === null ? '' : textOf(table.caption);
    if (name === '') faults.push('a table without a caption');
    for (const head of heads) if (head.scope !== 'col' || textOf(head) === '') faults.push(`a head of “${name}”`);
    for (const row of table.tBodies[0]?.rows ?? []) {
      if (row.cells.length !== heads.length) faults.push(`a row of “${name}” has ${row.cells.length} cells`);
      if (row.cells[0]?.scope !== 'row') faults.push(`a row of “${name}” without a head`);
    }
  }

  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) faults.push(`${scrollWidth} px wide in a window of ${clientWidth}`);
  return faults;
})();
