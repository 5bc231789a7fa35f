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
  return signed(rounded.toLocaleString("en", { maximumSignificantDigits: digits }));
}

/** Numbers with the sign for minus, which is as wide as a digit. */
const signed = (text) => text.replace("-", "−");

const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;

/**
 * A writer of a value and its interval: all to the place of the second digit of the interval's width,
 * as what is finer is not known. whole: whether these are whole numbers.
 */
function writerOf(low, high, whole = false) {
  if (low === null || high === null || !(high > low)) return number;
  const place = Math.floor(Math.log10(high - low)) - 1;
  const decimals = whole ? 0 : Math.max(0, -place);
  const step = 10 ** place;
  return (value) => {
    if (value === null || value === undefined || !Number.isFinite(value)) return "–";
    const rounded = place > 0 ? Math.round(value / step) * step : value;
    const text = rounded.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    return signed(/[1-9]/.test(text) ? text : text.replace("-", ""));
  };
}

const OF_VOLUME = new Set(["volume", "equivalent_diameter", "boundary"]);

/** Whether the ends of a cell's measure are a calibrated interval; else they are the range of its samples. */
const isFitted = (cell, name) => cell.calibrated === "all" || (cell.calibrated === "volume" && OF_VOLUME.has(name));

/** What the calibrated intervals of a cell are called, by their level. */
const levelName = (cell) => (cell.level ? `${Number((100 * cell.level).toPrecision(4))} % interval` : "interval");

/** What the ends of the measures of these cells are called. */
function endsName(cells, name) {
  const fitted = cells.filter((cell) => isFitted(cell, name)).length;
  const levels = new Set(cells.map(levelName).filter((text) => text !== "interval"));
  const intervals = levels.size === 1 ? `${[...levels][0]}s` : "intervals";
  if (fitted === cells.length) return intervals;
  return fitted ? `${intervals}, or the range of the samples where nothing was calibrated or a cell has a warning` : "the range of the samples";
}

/** Write an interval. */
function interval(low, high) {
  if (low === null || high === null) return "–";
  const write = writerOf(low, high);
  return `${write(low)} to ${write(high)}`;
}

/** The whole numbers in an interval, as ends; its own ends if there are none. */
function wholeEnds([low, high]) {
  if (low === null || Math.ceil(low) > Math.floor(high)) return [low, high];
  return [Math.ceil(low) + 0, Math.floor(high) + 0];
}

/** The longest of 1, 2, 5, 10 and so on that is not longer. */
function roundLength(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return Math.max(...[1, 2, 5].map((step) => step * power).filter((length) => length <= most * (1 + 1e-9)));
}

/** A scale bar no wider than `most` pixels: its length in the unit of a cell, and its width in pixels. */
function scaleBar(cell, pixelsOfVoxel, most) {
  const edge = cell.edge ?? 1;
  const length = roundLength((most / pixelsOfVoxel) * edge);
  return { length, width: (length / edge) * pixelsOfVoxel };
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
