// From voxels to a smooth surface: a Gaussian, the level that keeps the volume, surface nets.

const SMOOTHING = 0.85; // voxels; as in the measurements
const MARGIN = 4; // empty voxels around the body
const KERNEL = gaussian(SMOOTHING, 3);

function gaussian(sigma, radius) {
  const weights = [];
  for (let i = -radius; i <= radius; i++) weights.push(Math.exp((-i * i) / (2 * sigma * sigma)));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
}

/**
 * Smooth a field and find the level of its surface.
 *
 * Returns {values, size, low, level}: a flat box of the volume, its size and first voxel as
 * [x, y, z]; null if nothing exceeds one half.
 */
function solidOf(field) {
  let inside = 0;
  const low = [N, N, N];
  const high = [-1, -1, -1];
  for (let z = 0, i = 0; z < N; z++) {
    for (let y = 0; y < N; y++) {
      for (let x = 0; x < N; x++, i++) {
        if (field[i] <= 0) continue;
        if (field[i] > 0.5) inside++;
        if (x < low[0]) low[0] = x;
        if (x > high[0]) high[0] = x;
        if (y < low[1]) low[1] = y;
        if (y > high[1]) high[1] = y;
        if (z < low[2]) low[2] = z;
        if (z > high[2]) high[2] = z;
      }
    }
  }
  if (!inside) return null;
  const size = low.map((start, axis) => high[axis] - start + 1 + 2 * MARGIN);
  let values = new Float32Array(size[0] * size[1] * size[2]);
  for (let z = low[2]; z <= high[2]; z++) {
    for (let y = low[1]; y <= high[1]; y++) {
      const from = z * N2 + y * N;
      const to = ((z - low[2] + MARGIN) * size[1] + y - low[1] + MARGIN) * size[0] + MARGIN;
      values.set(field.subarray(from + low[0], from + high[0] + 1), to);
    }
  }
  for (const step of [1, size[0], size[0] * size[1]]) values = blurred(values, step);
  return { values, size, low: low.map((start) => start - MARGIN), level: keepingLevel(values, inside) };
}

/** Blur along the axis whose neighbours are `step` apart. The margin is empty, so rows may wrap. */
function blurred(values, step) {
  const result = new Float32Array(values.length);
  const radius = (KERNEL.length - 1) / 2;
  for (let j = -radius; j <= radius; j++) {
    const weight = KERNEL[j + radius];
    const shift = j * step;
    const first = Math.max(0, -shift);
    const last = Math.min(values.length, values.length - shift);
    for (let i = first; i < last; i++) result[i] += weight * values[i + shift];
  }
  return result;
}

/** The level that as many voxels exceed as there are inside. */
function keepingLevel(values, inside) {
  const bins = 4096;
  const counts = new Uint32Array(bins + 1);
  const binOf = (value) => Math.min(bins, Math.floor(value * bins));
  for (const value of values) counts[binOf(value)]++;
  let above = 0;
  let bin = bins;
  while (above + counts[bin] <= inside) above += counts[bin--];
  const within = values.filter((value) => binOf(value) === bin).sort().reverse();
  const rank = inside - above; // so many of this bin are inside
  const last = rank > 0 ? within[rank - 1] : (bin + 1) / bins;
  return (last + within[rank]) / 2;
}

/** Take the mean of blocks of 2 x 2 x 2 voxels. */
function halved({ values, size, low, level }) {
  const small = size.map((length) => Math.ceil(length / 2));
  const result = new Float32Array(small[0] * small[1] * small[2]);
  for (let z = 0; z < size[2]; z++) {
    for (let y = 0; y < size[1]; y++) {
      for (let x = 0; x < size[0]; x++) {
        const to = ((z >> 1) * small[1] + (y >> 1)) * small[0] + (x >> 1);
        result[to] += values[(z * size[1] + y) * size[0] + x] / 8;
      }
    }
  }
  return { values: result, size: small, low, level };
}

/**
 * Make a mesh by surface nets (Gibson 1998): a vertex in each cube that the surface passes, at the
 * mean of its crossings with the edges; a quadrilateral across each edge that it crosses.
 *
 * Positions are in voxels about the middle of the volume: X to the right and Y up as the section is
 * shown, Z towards the viewer.
 */
function meshOf(solid, spreadAt, coarse) {
  if (!solid) return { positions: new Float32Array(0), normals: new Float32Array(0), spreads: new Float32Array(0), indices: new Uint32Array(0) };
  const box = coarse ? halved(solid) : solid;
  const { values, size, level } = box;
  const [nx, ny, nz] = size;
  const steps = [1, nx, nx * ny];
  const corners = [];
  for (let c = 0; c < 8; c++) corners.push((c & 1) * steps[0] + ((c >> 1) & 1) * steps[1] + (c >> 2) * steps[2]);
  const vertexOf = new Int32Array(values.length).fill(-1);
  const points = []; // in voxels of the box
  const indices = [];
  for (let z = 0; z < nz - 1; z++) {
    for (let y = 0; y < ny - 1; y++) {
      for (let x = 0; x < nx - 1; x++) {
        const at = z * steps[2] + y * steps[1] + x;
        let above = 0;
        for (let c = 0; c < 8; c++) if (values[at + corners[c]] > level) above |= 1 << c;
        if (above === 0 || above === 255) continue;
        vertexOf[at] = points.length / 3;
        points.push(...crossing(values, level, at, corners, above, x, y, z));
        for (let axis = 0; axis < 3; axis++) {
          const inside = above & 1;
          if (inside === ((above >> (1 << axis)) & 1)) continue;
          const a = steps[(axis + 1) % 3];
          const b = steps[(axis + 2) % 3];
          const quad = [at, at - a, at - a - b, at - b].map((i) => vertexOf[i]);
          if (quad.includes(-1)) continue; // never, as the margin is empty
          if (inside) quad.reverse();
          indices.push(quad[0], quad[1], quad[2], quad[0], quad[2], quad[3]);
        }
      }
    }
  }
  return placed(box, coarse ? 2 : 1, points, new Uint32Array(indices), spreadAt);
}

/** The mean of the crossings of the surface with the edges of a cube. */
function crossing(values, level, at, corners, above, x, y, z) {
  let [sx, sy, sz, count] = [0, 0, 0, 0];
  for (let c = 0; c < 8; c++) {
    for (let axis = 1; axis < 8; axis <<= 1) {
      const d = c | axis;
      if (d === c || ((above >> c) & 1) === ((above >> d) & 1)) continue;
      const first = values[at + corners[c]];
      const share = (level - first) / (values[at + corners[d]] - first);
      sx += (c & 1) + (axis === 1 ? share : 0);
      sy += ((c >> 1) & 1) + (axis === 2 ? share : 0);
      sz += (c >> 2) + (axis === 4 ? share : 0);
      count++;
    }
  }
  return [x + sx / count, y + sy / count, z + sz / count];
}

/** Bring vertices to their place in the volume; find normals and spread there. */
function placed({ values, size, low }, edge, points, indices, spreadAt) {
  const count = points.length / 3;
  const positions = new Float32Array(points.length);
  const normals = new Float32Array(points.length);
  const spreads = new Float32Array(count);
  const offset = (edge - 1) / 2;
  const middle = (N - 1) / 2;
  for (let v = 0; v < count; v++) {
    const [x, y, z] = points.slice(3 * v, 3 * v + 3);
    const f = (dx, dy, dz) => trilinear(values, size, x + dx, y + dy, z + dz);
    const g = [f(-1, 0, 0) - f(1, 0, 0), f(0, -1, 0) - f(0, 1, 0), f(0, 0, -1) - f(0, 0, 1)];
    const length = Math.hypot(...g) || 1;
    const place = [x, y, z].map((value, axis) => low[axis] + value * edge + offset);
    positions.set([place[0] - middle, middle - place[1], place[2] - middle], 3 * v);
    normals.set([g[0] / length, -g[1] / length, g[2] / length], 3 * v);
    spreads[v] = spreadAt(...place);
  }
  return { positions, normals, spreads, indices };
}
