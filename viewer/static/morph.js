// Bringing a part of the page up to date: what is the same stays, with its focus, selection, scroll and fields.

/** What tells an element from its siblings, before and after; "" where only its kind and place do. */
const nameOf = (node) =>
  node.nodeType === Node.ELEMENT_NODE ? node.dataset.key ?? node.dataset.keep ?? node.dataset.run ?? node.dataset.show ?? node.id : "";

const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && nameOf(a) === nameOf(b);

/** What belongs to the person who reads: whether a `details` is open. */
const THEIRS = new Set(["open"]);

/**
 * Make the children of `here` those of `fresh`, changing only what differs. An element of ours that the server knows
 * nothing of (`data-own`) is left as it is.
 * @param {Element} here @param {Element} fresh of another document
 */
export function morph(here, fresh) {
  const old = [...here.childNodes];
  const pairs = pair(old, [...fresh.childNodes]);
  const staying = new Set(pairs.map(([mine]) => mine));
  for (const node of old) if (!staying.has(node)) here.removeChild(node); // a field named "remove" hides that method of its form
  let place = here.firstChild;
  for (const [mine, theirs] of pairs) {
    const node = mine ?? document.importNode(theirs, true);
    if (mine) update(mine, theirs);
    if (node === place) place = place.nextSibling;
    else here.insertBefore(node, place);
  }
}

/** Find for each of the fresh nodes the old one that it is; in their order, so that none has to be moved. */
function pair(old, fresh) {
  const named = new Map(old.filter(nameOf).map((node) => [`${node.nodeName} ${nameOf(node)}`, node]));
  let at = 0;
  return fresh.map((node) => {
    const name = nameOf(node);
    let found = name ? named.get(`${node.nodeName} ${name}`) : undefined;
    if (!name) found = old.slice(at).find((other) => alike(other, node));
    if (!found) return [undefined, node];
    const index = old.indexOf(found);
    if (index < at && !name) return [undefined, node];
    at = Math.max(at, index + 1);
    return [found, node];
  });
}

function update(here, fresh) {
  if (here.isEqualNode(fresh) || here.dataset?.own !== undefined) return;
  if (here.nodeType !== Node.ELEMENT_NODE) {
    if (here.data !== fresh.data) here.data = fresh.data;
    return;
  }
  for (const { name } of [...here.attributes]) if (!fresh.hasAttribute(name) && !THEIRS.has(name)) here.removeAttribute(name);
  for (const { name, value } of [...fresh.attributes]) {
    if (here.getAttribute(name) !== value && !THEIRS.has(name)) here.setAttribute(name, value);
  }
  if (here.nodeName !== "TEXTAREA") morph(here, fresh); // what is being written in it is no child of it
}
