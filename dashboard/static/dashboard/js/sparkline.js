/** <oh-spark>: a line of the last minutes in inline SVG. `values` are oldest first; null: nothing known. */

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 120;
const HEIGHT = 28;

/**
 * Path data of a line and of the area below it. Gaps in the values are gaps in the line.
 *
 * @param {(number|null)[]} values
 * @param {number} width
 * @param {number} height
 * @returns {{line: string, area: string, end: [number, number]|null}}
 */
export function path(values, width, height) {
  const known = values.filter((value) => value !== null);
  const top = Math.max(1e-9, ...known);
  const step = width / Math.max(1, values.length - 1);
  const round = (/** @type {number} */ n) => Math.round(n * 10) / 10;
  let line = "";
  let area = "";
  /** @type {[number, number]|null} */
  let end = null;
  let start = 0;
  values.forEach((value, index) => {
    if (value === null) {
      if (end) area += `V${height}H${start}Z`;
      end = null;
      return;
    }
    const x = round(index * step);
    const y = round(height - 2 - (height - 4) * (value / top));
    if (!end) {
      start = x;
      area += `M${x} ${height}V${y}`;
    }
    line += `${end ? "L" : "M"}${x} ${y}`;
    area += `L${x} ${y}`;
    end = [x, y];
  });
  if (end) area += `V${height}H${start}Z`;
  return { line, area, end };
}

/** @param {string} name @param {Record<string, string|number>} attributes */
function draw(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

export class Spark extends HTMLElement {
  #area = draw("path", { class: "area" });
  #line = draw("path", { class: "line" });
  #drawn = "";

  connectedCallback() {
    if (this.firstChild) return;
    const svg = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    svg.append(this.#area, this.#line);
    this.append(svg);
  }

  /** @param {(number|null)[]} values */
  set values(values) {
    const { line, area } = path(values, WIDTH, HEIGHT);
    if (line === this.#drawn) return;
    this.#drawn = line;
    this.#line.setAttribute("d", line);
    this.#area.setAttribute("d", area);
  }
}

customElements.define("oh-spark", Spark);
