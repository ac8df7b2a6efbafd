/**
 * hx-swap="keyed": an answer of the server changes only what is different. An element with data-key and the same
 * data-version as the new one stays as it is, with its focus, selection and scroll position.
 */

/**
 * Make the children of `old` those of `fresh`. Elements with data-keyed are entered, and take the new attributes; all others are
 * kept or replaced.
 *
 * @param {Element} old
 * @param {Element|DocumentFragment} fresh
 */
export function patch(old, fresh) {
  const wanted = [...fresh.children];
  const keys = new Set(wanted.map(keyOf));
  /** @type {Map<string, Element>} */
  const keyed = new Map();
  for (const child of [...old.children]) {
    const key = keyOf(child);
    if (key && !keys.has(key)) child.remove();
    else if (key) keyed.set(key, child);
  }
  /** @type {Element|null} */
  let place = old.firstElementChild;
  for (const element of wanted) {
    const key = keyOf(element);
    // What has no key is told by its place.
    const known = key ? keyed.get(key) : place && !keyOf(place) && place.tagName === element.tagName ? place : null;
    if (!known) {
      old.insertBefore(element, place);
      continue;
    }
    if (known === place) place = place.nextElementSibling;
    else old.insertBefore(known, place);
    if (!same(known, element)) update(known, element);
  }
  while (place) {
    const next = place.nextElementSibling;
    place.remove();
    place = next;
  }
}

/** @param {Element} element */
const keyOf = (element) => element.getAttribute("data-key") ?? element.id;

/** @param {Element} known @param {Element} wanted */
function same(known, wanted) {
  const version = known.getAttribute("data-version");
  return version !== null ? version === wanted.getAttribute("data-version") : known.isEqualNode(wanted);
}

/** @param {Element} known @param {Element} wanted */
function update(known, wanted) {
  if (!known.hasAttribute("data-keyed") || !wanted.hasAttribute("data-keyed")) {
    known.replaceWith(wanted);
    return;
  }
  // What the reader has opened stays open.
  const gone = [...known.attributes].filter(({ name }) => !wanted.hasAttribute(name) && name !== "open");
  for (const { name } of gone) known.removeAttribute(name);
  for (const { name, value } of wanted.attributes) known.setAttribute(name, value);
  patch(known, wanted);
}

/** Where an answer came from, when the session has ended: then the page has to log in, not to show that here. @param {string} url */
export const isLogin = (url) => new URL(url, window.location.href).pathname === "/login";

export function define() {
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = /** @type {CustomEvent<{xhr: XMLHttpRequest}>} */ (event).detail;
    if (!isLogin(xhr.responseURL)) return;
    event.preventDefault();
    window.location.reload();
  });
  // htmx is a classic script: it is there when deferred modules run.
  const { htmx } = /** @type {{htmx?: {defineExtension(name: string, extension: object): void}}} */ (
    /** @type {unknown} */ (window)
  );
  htmx?.defineExtension("keyed", {
    /** @param {string} style */
    isInlineSwap: (style) => style === "keyed",
    /** @param {string} style @param {Element} target @param {DocumentFragment} fragment */
    handleSwap(style, target, fragment) {
      if (style !== "keyed") return false;
      patch(target, fragment);
      return [target];
    },
  });
}
