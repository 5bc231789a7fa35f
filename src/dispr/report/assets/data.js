// What the page was given: the report, and the arrays of cells, which are unpacked when needed.

const REPORT = JSON.parse(byId("report").textContent);
const N = 64;
const N2 = N * N;
const N3 = N * N * N;
const CONSENSUS = "consensus";
const TRUTH = "truth";
const KEPT_CELLS = 12;

const CELLS = new Map(REPORT.cells.map((cell) => [cell.name, cell]));
const FEATURES = new Map(REPORT.features.map((feature, i) => [feature.name, { ...feature, at: i }]));
const unpacked = new Map();

/** The unit of a measure of a cell. */
const unitOf = (feature, cell) => feature.units[cell.unit];

/** The name of a column of a measure, as `dispr measure` has it. */
function columnOf(feature, unit, statistic) {
  return [feature.name, statistic, feature.suffixes[unit]].filter(Boolean).join("_");
}

/** Whether a measure is called otherwise in another unit of lengths. */
const hasUnit = (feature) => feature.suffixes.um !== feature.suffixes.voxel;

/** The unit of lengths. */
const lengthUnit = (cell) => ({ um: "µm", px: "px", voxel: "voxels" })[cell.unit];

/** What tells a cell's class: its name, or where no cell's does, the section. */
const CLASS = REPORT.cells.some((cell) => cell.class) ? "class" : "predicted_class";

/** The class that the section tells, in words; nothing where none was predicted. */
function predictedClass(cell) {
  if (!cell.predicted_class) return "";
  const share = `${Math.round(100 * cell.class_probability)} %`;
  const score = cell.sde_score === null ? "" : `, score ${cell.sde_score.toFixed(2)}`;
  return `predicted: ${cell.predicted_class.replaceAll("_", " ")} (${share})${score}`;
}

/** Whether the section is unlike those of the training. */
const isStrange = (cell) => Boolean(cell.warning) && cell.familiarity !== null && cell.familiarity < REPORT.alarm;

/** A main measure of a cell: {value, low, high, truth}. */
function mainMeasure(cell, name) {
  const [value, low, high, truth] = cell.main[REPORT.main.indexOf(name)];
  return { value, low, high, truth };
}

/** Whether a cell's arrays are on this page. */
const isHere = (cell) => cell.page === REPORT.page;

/** Where a cell is shown. */
function addressOf(cell) {
  const hash = `#cell=${encodeURIComponent(cell.name)}`;
  return isHere(cell) ? hash : `${encodeURIComponent(REPORT.pages[cell.page])}${hash}`;
}

/** Unpack a cell. The last few are kept. */
function loadCell(name) {
  let cell = unpacked.get(name);
  if (cell) unpacked.delete(name); // to the end: the last that was used
  else cell = unpack(name);
  unpacked.set(name, cell);
  if (unpacked.size > KEPT_CELLS) unpacked.delete(unpacked.keys().next().value);
  return cell;
}

async function unpack(name) {
  const body = JSON.parse(byId(`cell:${name}`).textContent);
  if (typeof DecompressionStream === "undefined") {
    throw new Error("This browser is too old to unpack the shapes; update it to one of 2023 or later.");
  }
  const packed = Uint8Array.from(atob(body.data), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Cell(CELLS.get(name), body, new Uint8Array(await new Response(stream).arrayBuffer()));
}

/** The arrays and measures of a cell. Volumes are flat, X fastest, then Y, then Z. */
class Cell {
  constructor(entry, body, bytes) {
    this.entry = entry;
    this.measures = body.measures;
    this.ellipsoid = body.ellipsoid;
    this.step = body.step;
    this.hasTruth = entry.iou !== null;
    // A single sample is the prediction itself.
    this.keys = [CONSENSUS, ...(entry.samples > 1 ? Array(entry.samples).keys() : [])];
    if (this.hasTruth) this.keys.push(TRUTH);
    let at = 0;
    const part = (name) => {
      const length = body.layout[name] || 0;
      at += length;
      return length ? bytes.subarray(at - length, at) : null;
    };
    this.image = part("image");
    this.mask = bitsOf(part("mask"));
    this.planes = part("shapes");
    this.spread = part("spread");
    this.probability = this.probabilityFrom(part("probability"));
    this.made = new Map();
  }

  /** The voxels of a shape, 0 or 1; of the consensus the probability, 0 to 1. */
  field(key) {
    if (key === CONSENSUS) return this.probability;
    const k = key === TRUTH ? this.entry.samples : key;
    const plane = this.planes.subarray((k >> 3) * N3, ((k >> 3) + 1) * N3);
    const field = new Float32Array(N3);
    for (let i = 0; i < N3; i++) field[i] = (plane[i] >> (k & 7)) & 1;
    return field;
  }

  probabilityFrom(bytes) {
    const probability = new Float32Array(N3);
    if (bytes) {
      for (let i = 0; i < N3; i++) probability[i] = bytes[i] / 255;
      return probability;
    }
    const count = this.entry.samples;
    for (let k = 0; k < count; k++) {
      const field = this.field(k);
      for (let i = 0; i < N3; i++) probability[i] += field[i];
    }
    for (let i = 0; i < N3; i++) probability[i] /= count;
    return probability;
  }

  /** The smoothed field of a shape and the level of its surface; kept once made. */
  solid(key) {
    return this.keep(`solid ${key}`, () => solidOf(this.field(key)));
  }

  /** The mesh of a shape, of voxels or of blocks of 2 x 2 x 2; kept once made. */
  mesh(key, coarse = false) {
    return this.keep(`mesh ${key} ${coarse}`, () => meshOf(this.solid(key), this.spreadAt(), coarse));
  }

  keep(name, make) {
    if (!this.made.has(name)) this.made.set(name, make());
    return this.made.get(name);
  }

  /** A function that gives the spread in voxels at a point of the volume. */
  spreadAt() {
    if (!this.spread) return () => 0;
    const half = N / 2;
    return (x, y, z) =>
      this.step * trilinear(this.spread, [half, half, half], (x - 0.5) / 2, (y - 0.5) / 2, (z - 0.5) / 2);
  }
}

function bitsOf(bytes) {
  if (!bytes) return null;
  const bits = new Uint8Array(bytes.length * 8);
  for (let i = 0; i < bits.length; i++) bits[i] = (bytes[i >> 3] >> (7 - (i & 7))) & 1;
  return bits;
}

/** Interpolate a flat volume of size [x, y, z]; beyond its border lies the border. */
function trilinear(volume, size, x, y, z) {
  const [nx, ny, nz] = size;
  const cx = clamp(x, 0, nx - 1.001);
  const cy = clamp(y, 0, ny - 1.001);
  const cz = clamp(z, 0, nz - 1.001);
  const ix = Math.floor(cx);
  const iy = Math.floor(cy);
  const iz = Math.floor(cz);
  const fx = cx - ix;
  const fy = cy - iy;
  const fz = cz - iz;
  const at = (iz * ny + iy) * nx + ix;
  const line = (i) => volume[i] * (1 - fx) + volume[i + 1] * fx;
  const sheet = (i) => line(i) * (1 - fy) + line(i + nx) * fy;
  return sheet(at) * (1 - fz) + sheet(at + nx * ny) * fz;
}
