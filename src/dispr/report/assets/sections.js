// The imaged section, and three sections through the volume at right angles.

const SECTION_PIXELS = 4; // of the canvas for a voxel
const OUTLINE = "#ffb62e";
const TRUE_OUTLINE = "#5aa2ff";
const PLANES = {
  z: { label: "Z", across: "x", down: "y", flip: false, title: "XY: from above" },
  y: { label: "Y", across: "x", down: "z", flip: true, title: "XZ: from the front" },
  x: { label: "X", across: "y", down: "z", flip: true, title: "YZ: from the side" },
};
const STRIDE = { x: 1, y: N, z: N2 };

function sectionCanvas(label) {
  const side = N * SECTION_PIXELS;
  return el("canvas", { width: side, height: side, role: "img", "aria-label": label, class: "section" });
}

/** Draw grey values, 0 to 1, row by row. */
function drawGrey(canvas, greyAt) {
  const small = document.createElement("canvas");
  small.width = small.height = N;
  const picture = new ImageData(N, N);
  for (let row = 0, i = 0; row < N; row++) {
    for (let column = 0; column < N; column++, i++) {
      const grey = 255 * greyAt(column, row);
      picture.data.set([grey, grey, grey, 255], 4 * i);
    }
  }
  small.getContext("2d").putImageData(picture, 0, 0);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}

/** Draw the line where values cross a level (marching squares). */
function drawContour(canvas, valueOf, level, colour) {
  const context = canvas.getContext("2d");
  const scale = canvas.width / N;
  context.beginPath();
  for (let row = -1; row < N; row++) {
    for (let column = -1; column < N; column++) {
      const corners = [[0, 0], [1, 0], [1, 1], [0, 1]].map(([dx, dy]) => valueOf(column + dx, row + dy) - level);
      const ends = [];
      for (let side = 0; side < 4; side++) {
        const [a, b] = [corners[side], corners[(side + 1) % 4]];
        if (a > 0 === b > 0) continue;
        const share = a / (a - b);
        const [x, y] = [[share, 0], [1, share], [1 - share, 1], [0, 1 - share]][side];
        ends.push([(column + x + 0.5) * scale, (row + y + 0.5) * scale]);
      }
      for (let i = 0; i + 1 < ends.length; i += 2) {
        context.moveTo(...ends[i]);
        context.lineTo(...ends[i + 1]);
      }
    }
  }
  context.strokeStyle = colour;
  context.lineWidth = 1.6;
  context.stroke();
}

/** Draw a bar of a round length, if the size of the voxels is known. */
function drawScaleBar(canvas, cell) {
  if (cell.edge === null) return;
  const context = canvas.getContext("2d");
  const { length, width } = scaleBar(cell, canvas.width / N, canvas.width / 3);
  context.fillStyle = "#fff";
  context.fillRect(10, canvas.height - 14, width, 4);
  context.font = "600 13px system-ui, sans-serif";
  context.fillText(`${number(length)} ${lengthUnit(cell)}`, 10, canvas.height - 20);
}

/** The section that was imaged, with the outline of its mask. */
function inputPicture(cell, labelled = true) {
  const canvas = sectionCanvas(`Section of ${cell.entry.name} as it was imaged, with the outline of its mask`);
  const bright = Math.max(...cell.image) || 1;
  drawGrey(canvas, (x, y) => cell.image[y * N + x] / bright);
  const inMask = (x, y) => (x >= 0 && y >= 0 && x < N && y < N ? cell.mask[y * N + x] : 0);
  drawContour(canvas, inMask, 0.5, OUTLINE);
  if (labelled) drawScaleBar(canvas, cell.entry);
  return canvas;
}

/** Three sections through a cell's probability, with the outline of the shape that is shown. */
class Sections {
  constructor(cell) {
    this.cell = cell;
    this.key = CONSENSUS;
    this.at = { x: N / 2, y: N / 2, z: CUT_PLANE };
    this.views = Object.entries(PLANES).map(([axis, plane]) => this.viewOf(axis, plane));
    this.element = el("div", { class: "sections" }, this.views.map((view) => view.figure));
  }

  show(key) {
    this.key = key;
    this.draw();
  }

  viewOf(axis, plane) {
    const canvas = sectionCanvas(plane.title);
    const output = el("output", { class: "plane" });
    const slider = el("input", {
      type: "range",
      min: 0,
      max: N - 1,
      value: this.at[axis],
      "aria-label": `Plane along ${plane.label}`,
      on: { input: () => this.move({ [axis]: Number(slider.value) }) },
    });
    const point = (event) => {
      if (!event.buttons) return;
      const box = canvas.getBoundingClientRect();
      const [u, v] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map((share) =>
        clamp(Math.floor(share * N), 0, N - 1),
      );
      this.move({ [plane.across]: u, [plane.down]: plane.flip ? N - 1 - v : v });
    };
    for (const name of ["pointerdown", "pointermove"]) canvas.addEventListener(name, point);
    const caption = el("figcaption", {}, el("span", { text: plane.title }), output);
    return { axis, plane, canvas, slider, output, figure: el("figure", { class: "plane-view" }, canvas, caption, slider) };
  }

  move(place) {
    Object.assign(this.at, place);
    this.draw();
  }

  draw() {
    for (const view of this.views) this.drawView(view);
  }

  drawView({ axis, plane, canvas, slider, output }) {
    const { cell, at } = this;
    const edge = cell.entry.edge;
    slider.value = at[axis];
    const place = `${plane.label} ${at[axis]}`;
    output.textContent = edge === null ? place : `${place} · ${number(at[axis] * edge, 3)} ${lengthUnit(cell.entry)}`;
    slider.setAttribute("aria-valuetext", output.textContent);
    const row = (v) => (plane.flip ? N - 1 - v : v);
    const base = at[axis] * STRIDE[axis];
    const index = (u, v) => base + u * STRIDE[plane.across] + row(v) * STRIDE[plane.down];
    drawGrey(canvas, (u, v) => 0.05 + 0.75 * cell.probability[index(u, v)]);
    this.drawCross(canvas, at[plane.across], row(at[plane.down]));
    const outline = (key, colour) => {
      const solid = cell.solid(key);
      if (!solid) return;
      const value = (u, v) => {
        const voxel = { [axis]: at[axis], [plane.across]: u, [plane.down]: row(v) };
        return valueAt(solid, voxel.x, voxel.y, voxel.z);
      };
      drawContour(canvas, value, solid.level, colour);
    };
    if (cell.hasTruth) outline(TRUTH, TRUE_OUTLINE);
    if (this.key !== TRUTH) outline(this.key, OUTLINE);
    drawScaleBar(canvas, cell.entry);
  }

  drawCross(canvas, u, v) {
    const context = canvas.getContext("2d");
    const scale = canvas.width / N;
    context.fillStyle = "rgba(255,255,255,0.28)";
    context.fillRect((u + 0.5) * scale - 0.5, 0, 1, canvas.height);
    context.fillRect(0, (v + 0.5) * scale - 0.5, canvas.width, 1);
  }
}
