/** <oh-heat>: counts by class and time, a row a class, darker where more; inline SVG. */

const SVG = "http://www.w3.org/2000/svg";
const CELL = 6;
const ROW = 14;
const GAP = 3;

/**
 * How dark a cell is, from 0 to 1: by the logarithm, so that one failure among a thousand successes is seen.
 *
 * @param {number} count
 * @param {number} most
 */
export function darkness(count, most) {
  return count > 0 ? 0.25 + 0.75 * (Math.log1p(count) / Math.log1p(Math.max(most, 1))) : 0;
}

class Heat extends HTMLElement {
  /** @type {Map<string, SVGRectElement[]>} */
  #cells = new Map();

  /** @param {Record<string, readonly number[]>} classes */
  set classes(classes) {
    if (this.#cells.size === 0) this.#build(classes);
    const most = Math.max(...Object.values(classes).flat());
    for (const [name, counts] of Object.entries(classes)) {
      counts.forEach((count, index) => {
        this.#cells.get(name)?.[index]?.setAttribute("fill-opacity", darkness(count, most).toFixed(2));
      });
    }
  }

  /** @param {Record<string, readonly number[]>} classes */
  #build(classes) {
    const names = Object.keys(classes);
    const steps = Math.max(...names.map((name) => classes[name]?.length ?? 0));
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${steps * CELL} ${names.length * (ROW + GAP) - GAP}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    names.forEach((name, row) => {
      const group = document.createElementNS(SVG, "g");
      group.setAttribute("class", `class-${name}`);
      this.#cells.set(
        name,
        Array.from({ length: steps }, (_, step) => {
          const cell = document.createElementNS(SVG, "rect");
          const place = { x: step * CELL, y: row * (ROW + GAP), width: CELL, height: ROW };
          for (const [key, value] of Object.entries(place)) cell.setAttribute(key, String(value));
          group.append(cell);
          return cell;
        }),
      );
      svg.append(group);
    });
    this.replaceChildren(svg);
  }
}

customElements.define("oh-heat", Heat);
