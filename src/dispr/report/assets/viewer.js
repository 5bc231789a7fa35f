// A shape to turn by mouse, touch and keyboard.

const SIDE = -Math.PI / 3; // tilted away from the section, to see a shape from the side
const VIEWS = { default: [-Math.PI / 6, SIDE], top: [0, 0], front: [0, -Math.PI / 2], side: [Math.PI / 2, -Math.PI / 2] };
const CUT_PLANE = 32; // the imaged section
const FILL = 0.94; // share of the canvas that a cell, or the edge of the volume, takes at most
const LARGEST = 1.15 / N; // share of the canvas that a voxel takes at most
const KEY_TURN = Math.PI / 18;

const stage = { viewer: null };

/** The viewer of the cell that is shown. There is one, as browsers allow few WebGL contexts. */
function stageViewer() {
  if (!stage.viewer) {
    const canvas = el("canvas", { class: "stage", id: "stage", tabindex: 0, role: "application", "aria-describedby": "stage-help" });
    stage.viewer = new Viewer(canvas);
    stage.viewer.listen();
  }
  return stage.viewer;
}

/** A renderer with WebGL where it is there, else on the 2D canvas. */
function rendererFor(canvas) {
  try {
    return new WebGLRenderer(canvas);
  } catch {
    // A canvas that once refused WebGL still gives a 2D context.
    return new PainterRenderer(canvas);
  }
}

class Viewer {
  constructor(canvas) {
    this.canvas = canvas;
    this.renderer = rendererFor(canvas);
    this.cell = null;
    this.key = CONSENSUS;
    this.coloured = true;
    this.isCut = false;
    this.zoom = 1;
    this.scale = FILL / N; // share of the canvas that a voxel takes
    this.onDraw = null;
    this.look("default");
  }

  /** Choose a scale at which a cell fits however it is turned. */
  fit(cell) {
    const { positions } = cell.mesh(CONSENSUS, this.renderer.coarse);
    let radius = 1;
    for (let i = 0; i < positions.length; i += 3) {
      radius = Math.max(radius, Math.hypot(positions[i], positions[i + 1], positions[i + 2]));
    }
    this.scale = Math.min(LARGEST, FILL / (2 * radius));
  }

  /** Show a shape of a cell. */
  show(cell, key) {
    this.cell = cell;
    this.key = key;
    this.renderer.setMesh(cell.mesh(key, this.renderer.coarse));
    this.renderer.setCap(capOf(cell, key));
    this.redraw();
  }

  /** Look from one of VIEWS. */
  look(name) {
    const [turn, tilt] = VIEWS[name];
    this.turn = product(aboutX(tilt), aboutZ(turn));
    if (name === "default") this.zoom = 1;
    this.redraw();
  }

  /** Turn by angles about the screen's axes: to the right, and down. */
  turnBy(right, down) {
    this.turn = product(product(aboutX(down), aboutY(right)), this.turn);
    this.redraw();
  }

  zoomBy(factor) {
    this.zoom = clamp(this.zoom * factor, 0.5, 8);
    this.redraw();
  }

  /** Draw soon, once for all changes until then. */
  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw();
    });
  }

  draw() {
    if (!this.cell) return;
    this.renderer.draw(this.view());
    if (this.onDraw) this.onDraw(this);
  }

  /** What a renderer needs: rows of the rotation, pixels of a voxel, colours, height of the cut. */
  view() {
    const size = Math.min(this.canvas.width, this.canvas.height);
    const isTruth = this.key === TRUTH;
    return {
      turn: this.turn,
      pixels: this.zoom * this.scale * size,
      plain: isTruth ? TRUE : PREDICTED,
      top: this.coloured && !isTruth && this.cell.spread ? SPREAD_TOP : 0,
      cut: this.isCut ? CUT_PLANE - (N - 1) / 2 : null,
    };
  }

  /** The view as it is turned, drawn on a canvas of its own of so many pixels. */
  drawn(side) {
    const { canvas } = this;
    const [width, height] = [canvas.width, canvas.height];
    const picture = el("canvas", { width: side, height: side });
    canvas.width = canvas.height = side;
    this.renderer.draw(this.view());
    picture.getContext("2d").drawImage(canvas, 0, 0);
    Object.assign(canvas, { width, height });
    this.draw();
    return picture;
  }

  /** Fit the canvas' pixels to its place on the page. */
  resize() {
    const box = this.canvas.getBoundingClientRect();
    const density = Math.min(window.devicePixelRatio || 1, this.renderer.coarse ? 1 : 2);
    this.canvas.width = Math.max(1, Math.round(box.width * density));
    this.canvas.height = Math.max(1, Math.round(box.height * density));
    this.draw();
  }

  /** Let people turn it. */
  listen() {
    const pointers = new Map();
    const canvas = this.canvas;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, event);
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      const other = [...pointers.values()].find((pointer) => pointer.pointerId !== event.pointerId);
      if (other) {
        const gap = (pointer) => Math.hypot(pointer.clientX - other.clientX, pointer.clientY - other.clientY);
        this.zoomBy((gap(event) + 1) / (gap(before) + 1));
      } else {
        const angle = Math.PI / canvas.clientWidth;
        this.turnBy((event.clientX - before.clientX) * angle, (event.clientY - before.clientY) * angle);
      }
      pointers.set(event.pointerId, event);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => pointers.delete(event.pointerId));
    }
    canvas.addEventListener("dblclick", () => this.look("default"));
    canvas.addEventListener("keydown", (event) => this.onKey(event));
    canvas.addEventListener(
      "wheel",
      (event) => {
        // The page scrolls on, unless the view was chosen before.
        if (document.activeElement !== canvas && !event.ctrlKey) return;
        event.preventDefault();
        this.zoomBy(Math.exp(-event.deltaY / 600));
      },
      { passive: false },
    );
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => {
      this.renderer = rendererFor(canvas);
      if (this.cell) this.show(this.cell, this.key);
    });
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  onKey(event) {
    const turns = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const zooms = { "+": 1.2, "=": 1.2, "-": 1 / 1.2 };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (turns[event.key]) this.turnBy(...turns[event.key].map((step) => step * KEY_TURN));
    else if (zooms[event.key]) this.zoomBy(zooms[event.key]);
    else if (event.key === "0" || event.key === "Home") this.look("default");
    else return;
    event.preventDefault();
  }
}

/** What is seen where a shape is cut: the image, or else the probability; opaque inside. */
function capOf(cell, key) {
  const picture = new ImageData(N, N);
  const solid = cell.solid(key);
  const bright = cell.image ? Math.max(...cell.image) || 1 : 1;
  for (let y = 0, i = 0; y < N; y++) {
    for (let x = 0; x < N; x++, i++) {
      const grey = cell.image ? cell.image[i] / bright : cell.probability[CUT_PLANE * N2 + i];
      const value = 255 * (0.08 + 0.92 * grey);
      const depth = solid ? valueAt(solid, x, y, CUT_PLANE) - solid.level : -1;
      picture.data.set([value, value, value, clamp(127.5 + 255 * depth, 0, 255)], 4 * i);
    }
  }
  return picture;
}

/** The smoothed field of a solid at a voxel of the volume; 0 beyond its box. */
function valueAt({ values, size, low }, x, y, z) {
  const [i, j, k] = [x - low[0], y - low[1], z - low[2]];
  if (i < 0 || j < 0 || k < 0 || i >= size[0] || j >= size[1] || k >= size[2]) return 0;
  return values[(k * size[1] + j) * size[0] + i];
}

const aboutX = (angle) => [1, 0, 0, 0, Math.cos(angle), -Math.sin(angle), 0, Math.sin(angle), Math.cos(angle)];
const aboutY = (angle) => [Math.cos(angle), 0, Math.sin(angle), 0, 1, 0, -Math.sin(angle), 0, Math.cos(angle)];
const aboutZ = (angle) => [Math.cos(angle), -Math.sin(angle), 0, Math.sin(angle), Math.cos(angle), 0, 0, 0, 1];

/** The product of two matrices of three rows. */
function product(a, b) {
  const result = [];
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) result.push(a[3 * i] * b[j] + a[3 * i + 1] * b[j + 3] + a[3 * i + 2] * b[j + 6]);
  }
  return result;
}

/** Draw the imaged section into a corner. */
function drawInset(context, picture) {
  const side = 76;
  const [x, y] = [context.canvas.width - side - 8, context.canvas.height - side - 8];
  context.fillStyle = "rgba(140,155,175,0.9)";
  context.fillRect(x - 1, y - 1, side + 2, side + 2);
  context.drawImage(picture, x, y, side, side);
}

const thumbnails = { viewer: null };

/** Draw a cell's consensus small; all thumbnails share one renderer. */
async function drawThumbnail(canvas, name) {
  const cell = await loadCell(name);
  if (!thumbnails.viewer) thumbnails.viewer = new Viewer(document.createElement("canvas"));
  const viewer = thumbnails.viewer;
  viewer.canvas.width = canvas.width;
  viewer.canvas.height = canvas.height;
  viewer.cell = cell;
  viewer.renderer.setMesh(cell.mesh(CONSENSUS, true));
  viewer.draw();
  const context = canvas.getContext("2d");
  context.drawImage(viewer.canvas, 0, 0);
  if (cell.image) drawInset(context, inputPicture(cell, false));
  cell.made.delete(`mesh ${CONSENSUS} true`);
}
