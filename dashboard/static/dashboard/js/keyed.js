/** Lists in the DOM, changed only where they changed: rows keep their elements, and so focus, hover and selection. */

/**
 * Make the children of `parent` stand for `rows`, in their order. A child is made once a key, and updated when its
 * row is another value than before.
 *
 * @template Row
 * @param {Element} parent
 * @param {readonly Row[]} rows
 * @param {(row: Row) => string} keyOf
 * @param {() => HTMLElement} create
 * @param {(element: HTMLElement, row: Row) => void} update
 */
export function reconcile(parent, rows, keyOf, create, update) {
  const wanted = new Set(rows.map(keyOf));
  /** @type {Map<string, HTMLElement>} */
  const known = new Map();
  for (const child of [...parent.children]) {
    // Rows that are gone, and the skeleton of a page that was loading.
    if (!(child instanceof HTMLElement) || !wanted.has(child.dataset.key ?? "")) child.remove();
    else known.set(child.dataset.key ?? "", child);
  }
  /** @type {Element|null} */
  let place = parent.firstElementChild;
  for (const row of rows) {
    const key = keyOf(row);
    const element = known.get(key) ?? create();
    if (shown.get(element) !== row) {
      element.dataset.key = key;
      update(element, row);
      shown.set(element, row);
    }
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
}

/** @type {WeakMap<Element, unknown>} */
const shown = new WeakMap();

/**
 * A copy of the one element in a <template>.
 *
 * @param {string} id
 * @returns {HTMLElement}
 */
export function stamp(id) {
  const template = document.getElementById(id);
  if (!(template instanceof HTMLTemplateElement)) throw new Error(`no template ${id}`);
  const element = template.content.firstElementChild?.cloneNode(true);
  if (!(element instanceof HTMLElement)) throw new Error(`template ${id} is empty`);
  return element;
}

/**
 * Set the text of the parts of an element that are named by data-is.
 *
 * @param {Element} element
 * @param {Record<string, string>} texts
 */
export function fill(element, texts) {
  for (const [name, text] of Object.entries(texts)) {
    const part = element.querySelector(`[data-is="${name}"]`);
    if (part && part.textContent !== text) part.textContent = text;
  }
}
