/**
 * The one live connection of a page, and the store it feeds. Modules of a page import this and subscribe.
 *
 * @import { Delta, RecordChanged, Snapshot } from "./frames.js"
 * @import { State } from "./socket.js"
 */
import { LiveSocket } from "./socket.js";
import { Store } from "./store.js";

export const store = new Store();

/** The server's clock less this browser's, in ms. */
let clockOffset = 0;
/** @type {Set<(frame: Snapshot|Delta) => void>} */
const onStore = new Set();
/** @type {Set<(frame: RecordChanged) => void>} */
const onRecord = new Set();
/** @type {Set<(state: State, since: number) => void>} */
const onState = new Set();
let asked = false;

const socket = new LiveSocket(`/ws/live?lists=${document.body.dataset.lists ?? ""}`, {
  frame(frame) {
    clockOffset = frame.now_us / 1000 - Date.now();
    if (frame.type === "record") for (const tell of onRecord) tell(frame);
    if (frame.type !== "snapshot" && frame.type !== "delta") return;
    if (frame.type === "snapshot") asked = false;
    const outcome = store.apply(frame);
    if ((outcome === "gap" || outcome === "thin") && !asked) {
      asked = true;
      socket.askForSnapshot();
    }
    if (outcome !== "ignored") for (const tell of onStore) tell(frame);
  },
  state(state, since) {
    asked = false;
    for (const tell of onState) tell(state, since);
  },
});

/** Connect; once a page. */
export const connect = () => socket.start();

/** The server's present, in ms since the epoch. */
export const serverNow = () => Date.now() + clockOffset;

/** Call back whenever the store changed, with the frame that did it. @param {(frame: Snapshot|Delta) => void} listener */
export const subscribe = (listener) => onStore.add(listener);

/** Call back whenever the state of the connection changed. @param {(state: State, since: number) => void} listener */
export const subscribeState = (listener) => onState.add(listener);

/** Call back whenever a record changed. @param {string} slug @param {() => void} listener */
export function watchRecord(slug, listener) {
  onRecord.add((frame) => frame.slug === slug && listener());
  socket.watch(slug);
}
