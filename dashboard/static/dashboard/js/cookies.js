/** How this browser likes its pages is kept in cookies, so that the server renders them so at once. */

/**
 * @param {string} name
 * @param {string} value a plain word or the name of a zone: nothing in it needs escaping
 */
export function remember(name, value) {
  const secure = window.location.protocol === "https:" ? "; Secure" : "";
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is missing in browsers that we serve
  document.cookie = `${name}=${value}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
}

/**
 * @param {string} name
 * @returns {string} "" when there is none
 */
export function recall(name) {
  const pair = document.cookie.split("; ").find((text) => text.startsWith(`${name}=`));
  return pair ? pair.slice(name.length + 1) : "";
}

/** Tell the server this browser's time zone, unless the user chose one. */
export function rememberZone() {
  if (!recall("offhook_zone")) remember("offhook_zone", Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");
}
