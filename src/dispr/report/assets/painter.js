// Draw a mesh on a 2D canvas, where there is no WebGL: triangles from the farthest to the nearest.

const CAP_PIXELS = 4; // of the cut for a voxel

class PainterRenderer {
  constructor(canvas) {
    this.canvas = canvas;
    this.coarse = true;
    this.context = canvas.getContext("2d");
    this.mesh = null;
    this.cap = document.createElement("canvas");
    this.cap.width = this.cap.height = N * CAP_PIXELS;
  }

  setMesh(mesh) {
    this.mesh = mesh;
  }

  /** Enlarge the section, and cut it where it is half opaque. */
  setCap(picture) {
    const small = document.createElement("canvas");
    small.width = small.height = N;
    small.getContext("2d").putImageData(picture, 0, 0);
    const side = this.cap.width;
    const context = this.cap.getContext("2d", { willReadFrequently: true });
    context.clearRect(0, 0, side, side);
    context.drawImage(small, 0, 0, side, side);
    const enlarged = context.getImageData(0, 0, side, side);
    for (let i = 3; i < enlarged.data.length; i += 4) enlarged.data[i] = enlarged.data[i] < 128 ? 0 : 255;
    context.putImageData(enlarged, 0, 0);
  }

  /** Draw; see Viewer.view. */
  draw(view) {
    const { context, canvas, mesh } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!mesh || !mesh.indices.length) return;
    const { positions, normals, spreads, indices } = mesh;
    const seen = turned(positions, view.turn);
    const facing = turned(normals, view.turn);
    const count = indices.length / 3;
    const depth = new Float32Array(count);
    const order = [];
    for (let t = 0; t < count; t++) {
      const [a, b, c] = [indices[3 * t], indices[3 * t + 1], indices[3 * t + 2]];
      depth[t] = seen[3 * a + 2] + seen[3 * b + 2] + seen[3 * c + 2];
      const height = (positions[3 * a + 2] + positions[3 * b + 2] + positions[3 * c + 2]) / 3;
      const hidden = facing[3 * a + 2] < -0.3 && view.cut === null;
      if (!hidden && (view.cut === null || height <= view.cut)) order.push(t);
    }
    order.sort((s, t) => depth[s] - depth[t]);
    context.lineWidth = 0.7;
    const [cx, cy, pixels] = [canvas.width / 2, canvas.height / 2, view.pixels];
    for (const t of order) {
      const [a, b, c] = [indices[3 * t], indices[3 * t + 1], indices[3 * t + 2]];
      context.beginPath();
      context.moveTo(cx + pixels * seen[3 * a], cy - pixels * seen[3 * a + 1]);
      context.lineTo(cx + pixels * seen[3 * b], cy - pixels * seen[3 * b + 1]);
      context.lineTo(cx + pixels * seen[3 * c], cy - pixels * seen[3 * c + 1]);
      context.closePath();
      const normal = normalised([0, 1, 2].map((i) => facing[3 * a + i] + facing[3 * b + i] + facing[3 * c + i]));
      const base = view.top > 0 ? spreadColour((spreads[a] + spreads[b] + spreads[c]) / 3 / view.top) : view.plain;
      context.fillStyle = context.strokeStyle = css(shaded(base, normal));
      context.fill();
      context.stroke(); // closes the gaps between neighbours
    }
    if (view.cut !== null) this.drawCap(view);
  }

  /** Draw the section on the cut: a parallel projection takes a square to a parallelogram. */
  drawCap(view) {
    if (view.turn[8] <= 0) return; // seen from below
    const { context, canvas } = this;
    const [a, b, c, d, e, f] = [0, 1, 2, 3, 4, 5].map((i) => view.pixels * view.turn[i]);
    const corner = [-N / 2, N / 2, view.cut];
    const x = canvas.width / 2 + a * corner[0] + b * corner[1] + c * corner[2];
    const y = canvas.height / 2 - (d * corner[0] + e * corner[1] + f * corner[2]);
    context.setTransform(a, -d, -b, e, x, y);
    context.drawImage(this.cap, 0, 0, N, N);
    context.setTransform(1, 0, 0, 1, 0, 0);
  }
}

/** Turn flat vectors by a matrix of three rows. */
function turned(vectors, m) {
  const result = new Float32Array(vectors.length);
  for (let i = 0; i < vectors.length; i += 3) {
    const [x, y, z] = [vectors[i], vectors[i + 1], vectors[i + 2]];
    result[i] = m[0] * x + m[1] * y + m[2] * z;
    result[i + 1] = m[3] * x + m[4] * y + m[5] * z;
    result[i + 2] = m[6] * x + m[7] * y + m[8] * z;
  }
  return result;
}

/** The colour of a face, lit as by the shader. */
function shaded(base, normal) {
  const behind = normal[2] < 0;
  const n = behind ? normal.map((value) => -value) : normal;
  const lit = Math.max(n[0] * LIGHT[0] + n[1] * LIGHT[1] + n[2] * LIGHT[2], 0);
  const rim = 0.72 + 0.28 * clamp(n[2] / 0.45, 0, 1);
  return base.map((value) => clamp(value * (0.38 + 0.2 * n[2] + 0.6 * lit) * rim * (behind ? 0.5 : 1), 0, 255));
}
