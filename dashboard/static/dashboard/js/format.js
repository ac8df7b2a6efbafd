/** How the live pages write times, spans and parties. Pure; the server's twin is templatetags/offhook.py. */

/** @type {Map<string, Intl.DateTimeFormat>} */
const clocks = new Map();

/**
 * µs since the epoch as a time of day in a zone: 14:03:07.
 *
 * @param {number} us
 * @param {string} zone
 */
export function clock(us, zone) {
  let format = clocks.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeStyle: "medium", hourCycle: "h23" });
    clocks.set(zone, format);
  }
  return format.format(us / 1000);
}

/** A moment in UTC with its µs, for hover. @param {number} us */
export function exact(us) {
  const micros = String(us % 1_000_000).padStart(6, "0");
  return `${new Date(us / 1000).toISOString().slice(0, 19).replace("T", " ")}.${micros} UTC`;
}

/**
 * A span of time for people: 840 ms, 3.25 s, 12 min 05 s, 2 h 03 min.
 *
 * @param {number|null|undefined} ms
 */
export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1000) return `${Math.max(0, ms).toFixed(0)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/**
 * An age that counts by seconds: 7 s, 3 min 20 s, 2 h 03 min, 4 d 2 h.
 *
 * @param {number} ms
 */
export function age(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 86_400) return duration(seconds * 1000);
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

/**
 * A figure with its thousands apart, and as many decimals as it deserves.
 *
 * @param {number|null|undefined} value
 * @param {number} decimals
 */
export function number(value, decimals = 0) {
  if (value === null || value === undefined) return "–";
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/**
 * The user and the host of a SIP or tel URI, as far as they can be told.
 *
 * @param {string} uri
 * @returns {{user: string, host: string}}
 */
export function party(uri) {
  const rest = uri.replace(/^(sips?|tel):/i, "");
  const at = rest.lastIndexOf("@");
  if (at >= 0) return { user: rest.slice(0, at), host: rest.slice(at + 1) };
  return /^tel:/i.test(uri) ? { user: rest, host: "" } : { user: "", host: rest };
}
