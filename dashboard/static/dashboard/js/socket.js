/**
 * The live socket: connects, reconnects with back-off and jitter, and tells whether its data is of now.
 *
 * @import { Frame } from "./frames.js"
 *
 * @typedef {"connecting"|"live"|"stale"|"offline"} State
 * @typedef {object} Listener
 * @property {(frame: Frame) => void} frame
 * @property {(state: State, since: number) => void} state `since`: ms since the epoch of the last data, 0 for none
 */

const UNAUTHENTICATED = 4401;
/** The server ticks each 2 s, and the overview speaks each second: so much silence is no accident. */
export const SILENCE_MS = 6000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;

/**
 * How long to wait before attempt `attempt` (0, 1, …): doubling, bounded, and spread so that a hundred
 * browsers don't come back in the same instant.
 *
 * @param {number} attempt
 * @param {number} random from 0 to 1
 */
export function backoff(attempt, random) {
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt, 10));
  return longest / 2 + (longest / 2) * random;
}

export class LiveSocket {
  /** @type {WebSocket|null} */ #socket = null;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #retry;
  /** @type {State} */ #state = "connecting";
  #attempt = 0;
  #heardAt = 0;
  #dataAt = 0;
  /** @type {string[]} */ #watched = [];

  /** @param {string} path @param {Listener} listener */
  constructor(path, listener) {
    this.path = path;
    this.listener = listener;
  }

  start() {
    this.#connect();
    setInterval(() => this.#check(), 1000);
    // A laptop that wakes up or a phone that finds its network again need not wait.
    for (const event of ["online", "focus"]) window.addEventListener(event, () => this.#hurry());
  }

  /** Ask for frames about one record. @param {string} slug */
  watch(slug) {
    this.#watched.push(slug);
    this.#send({ type: "watch", slug });
  }

  /** Something is missing: start afresh. */
  askForSnapshot() {
    this.#send({ type: "snapshot" });
  }

  /** @param {object} request */
  #send(request) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(request));
  }

  #connect() {
    clearTimeout(this.#retry);
    const address = new URL(this.path, window.location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    this.#socket = socket;
    this.#heardAt = Date.now();
    socket.onopen = () => {
      for (const slug of this.#watched) this.#send({ type: "watch", slug });
    };
    socket.onmessage = (event) => this.#hear(JSON.parse(event.data));
    socket.onclose = (event) => {
      if (socket === this.#socket) this.#lose(event.code);
    };
  }

  /** @param {Frame} frame */
  #hear(frame) {
    this.#heardAt = Date.now();
    if (frame.type !== "tick") this.#dataAt = this.#heardAt;
    if (frame.type === "snapshot") this.#attempt = 0;
    this.listener.frame(frame);
    this.#check();
  }

  /** @param {number} code */
  #lose(code) {
    if (code === UNAUTHENTICATED) {
      window.location.reload();
      return;
    }
    this.#socket = null;
    this.#become("offline");
    this.#retry = setTimeout(() => this.#connect(), backoff(this.#attempt, Math.random()));
    this.#attempt += 1;
  }

  #hurry() {
    if (this.#socket === null) this.#connect();
  }

  #check() {
    const now = Date.now();
    if (this.#socket === null) return;
    if (now - this.#heardAt > SILENCE_MS) {
      // Not even a tick: the connection is dead, whatever TCP believes.
      const socket = this.#socket;
      this.#lose(0);
      socket.close();
    } else if (this.#dataAt > 0 && this.#socket.readyState === WebSocket.OPEN) {
      this.#become(now - this.#dataAt > SILENCE_MS ? "stale" : "live");
    }
  }

  /** @param {State} state */
  #become(state) {
    if (state === this.#state && state !== "offline") return;
    this.#state = state;
    this.listener.state(state, this.#dataAt);
  }
}
