/** <oh-age data-us="…">: how long ago that was, counting on by the server's clock. */
import { serverNow } from "./connection.js";
import { age, exact } from "./format.js";

/** @type {Set<Age>} */
const shown = new Set();
setInterval(() => {
  for (const element of shown) element.show();
}, 1000);

class Age extends HTMLElement {
  static observedAttributes = ["data-us"];
  #shown = "";

  connectedCallback() {
    shown.add(this);
    this.show();
  }

  disconnectedCallback() {
    shown.delete(this);
  }

  attributeChangedCallback() {
    this.show();
  }

  show() {
    const us = Number(this.dataset.us);
    const text = us ? age(serverNow() - us / 1000) : "–";
    if (this.#shown === text) return;
    this.#shown = text;
    this.replaceChildren(text);
    if (us) this.title = exact(us);
  }
}

customElements.define("oh-age", Age);
