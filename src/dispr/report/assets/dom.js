// Elements, numbers and units, in few words.

/** Make an element. `on` holds listeners, `text` its text; children may be null. */
function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Make an element of SVG. */
function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) if (child !== null && child !== undefined) element.append(child);
  return element;
}

/** A name that may break behind its underscores. */
const breakable = (name) => name.split(/(?<=_)/).flatMap((part) => [part, el("wbr")]);

const byId = (id) => document.getElementById(id);

/** Write a number to so many digits, with separators between thousands. */
function number(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const rounded = Number(value.toPrecision(digits));
  return rounded.toLocaleString("en", { maximumSignificantDigits: digits });
}

const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;

/** Write an interval; the longer dash stands between its ends. */
function interval(low, high) {
  if (low === null || high === null) return "–";
  // As many digits as tell the ends apart.
  const digits = Math.abs(high - low) < 0.01 * Math.abs(high) ? 4 : 3;
  return `${number(low, digits)} – ${number(high, digits)}`;
}

/** The longest of 1, 2, 5, 10 and so on that is not longer. */
function roundLength(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return Math.max(...[1, 2, 5].map((step) => step * power).filter((length) => length <= most * (1 + 1e-9)));
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
