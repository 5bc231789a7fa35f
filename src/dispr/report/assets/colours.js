// Colours of surfaces and charts; those of the spread go from certain (blue) to uncertain (orange).

const STOPS = REPORT.stops;
const PREDICTED = [233, 124, 106];
const TRUE = [98, 150, 224];
const LIGHT = normalised([-0.45, 0.6, 0.66]); // from the viewer's upper left

const CLASS_COLOURS = ["#3d7fc4", "#d98b12", "#179a76", "#c265a3", "#cf5526", "#7a6fd0", "#7c8794"];
const kindsOf = (key) => [...new Set(REPORT.cells.map((cell) => cell[key]))].sort();
const CLASSES = kindsOf(CLASS);
const GROUPS = kindsOf("group");

/** What cells are coloured by: their groups where there are some, else their classes. */
const KIND = GROUPS.length > 1 ? "group" : CLASS;
const KIND_NAME = KIND.replace("_", " ");
const KINDS = KIND === "group" ? GROUPS : CLASSES;
const kindColour = (name) => CLASS_COLOURS[KINDS.indexOf(name) % CLASS_COLOURS.length];
const kindName = (name, key = KIND) => (name ? name.replaceAll("_", " ") : `no ${key.replace("_", " ")}`);

/** The colour of a share from 0 to 1, [r, g, b] of 255. */
function spreadColour(share) {
  const place = clamp(share, 0, 1) * (STOPS.length - 1);
  const i = Math.min(Math.floor(place), STOPS.length - 2);
  return STOPS[i].map((low, channel) => low + (place - i) * (STOPS[i + 1][channel] - low));
}

/** Colours of a measure in a map, from low to high: those of viridis, which all eyes tell apart. */
const MAP_STOPS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

/** The colour of a map for a share from 0 to 1. */
function mapColour(share) {
  const place = clamp(share, 0, 1) * (MAP_STOPS.length - 1);
  const i = Math.min(Math.floor(place), MAP_STOPS.length - 2);
  return css(MAP_STOPS[i].map((low, channel) => low + (place - i) * (MAP_STOPS[i + 1][channel] - low)));
}

function normalised(v) {
  const length = Math.hypot(...v);
  return v.map((value) => value / length);
}

const css = (colour) => `rgb(${colour.map(Math.round).join(",")})`;

/** What the colours of surfaces mean; the lengths are in the unit of a cell. */
function spreadLegend(cell) {
  const gradient = STOPS.map(css).join(",");
  return el("div", { class: "spread-legend" },
    el("span", { text: "Samples differ by" }),
    el("i", { style: `background:linear-gradient(90deg,${gradient})` }),
    el("span", { class: "ends" }, el("span", { text: "0" }), el("span", { text: `± ${spreadText(SPREAD_TOP, cell)}` })));
}

/** A length in voxels, in the unit of the cell. */
const spreadText = (voxels, cell) => `${number(voxels * (cell.edge ?? 1), 2)}\u00a0${lengthUnit(cell)}`;

/** The spread, in voxels, that has the last colour: for all cells the same. */
const SPREAD_TOP = Math.max(0.5, ...REPORT.cells.map((cell) => 2 * cell.spread));
