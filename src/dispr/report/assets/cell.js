// One cell: the shape to turn, its samples, sections and measures.

const MEASURE_NOTES = {
  all: "The intervals were calibrated on cells with known shapes.",
  volume:
    "The intervals of volume, equivalent diameter and boundary were calibrated on cells with known shapes. " +
    "For other measures, only the range of the samples is shown, which has no stated coverage.",
  none: "The model was not calibrated for these measures: only the range of the samples is shown, which has no stated coverage.",
  warned: "A cell with a warning has no intervals: only the range of the samples is shown, which has no stated coverage.",
  single: "A single sample gives no information about the uncertainty.",
};

class CellView {
  /** Show a cell; `neighbours` are the cells before and after it in the gallery, or null. */
  constructor(cell, neighbours) {
    this.cell = cell;
    this.entry = cell.entry;
    this.key = CONSENSUS;
    this.sections = new Sections(cell);
    this.element = el("article", { class: "cell", "aria-labelledby": "cell-title" },
      this.heading(neighbours), this.warning(),
      el("div", { class: "columns" }, this.stage(), this.side()),
      this.measures());
  }

  /** Draw, once the element is on the page. */
  start() {
    Object.assign(this.viewer, { coloured: true, isCut: false });
    this.viewer.fit(this.cell);
    this.viewer.look("default");
    this.viewer.resize();
    this.choose(CONSENSUS);
  }

  heading([before, after]) {
    const link = (cell, text, label) =>
      cell ? el("a", { class: "button", href: addressOf(cell), "aria-label": `${label}: ${cell.name}`, text }) : el("span", { class: "button off", "aria-hidden": "true", text });
    return el("div", { class: "heading" },
      el("h1", { id: "cell-title", tabindex: -1, }, breakable(this.entry.name)),
      el("span", { class: "muted", text: this.origin() }),
      el("nav", { class: "steps", "aria-label": "Cells" }, link(before, "‹ Previous", "Previous cell"), el("a", { class: "button", href: "#cells", text: "All cells" }), link(after, "Next ›", "Next cell")));
  }

  /** Class, group, predicted class, and place in the field of view, as far as they are known. */
  origin() {
    const { class: name, group, place } = this.entry;
    const words = [name, group].filter(Boolean).map((word) => kindName(word));
    if (this.entry.predicted_class) words.push(predictedClass(this.entry));
    if (place) words.push(`at x ${number(place[0])}, y ${number(place[1])} px of the field`);
    return words.join(", ");
  }

  warning() {
    if (!this.entry.warning) return null;
    const strange = isStrange(this.entry);
    return el("p", { class: "notice warn", role: "note" },
      el("strong", { text: strange ? "⚠ Unlike the training cells. " : "⚠ " }), this.entry.warning, strange ? " Do not trust the shape." : "");
  }

  stage() {
    this.viewer = stageViewer();
    this.viewer.cell = null;
    this.viewer.onDraw = () => this.drawScale();
    this.print = el("canvas", { class: "stage-print", "aria-hidden": "true" });
    this.scale = el("div", { class: "scale", "aria-hidden": "true" }, el("span", {}), el("i", {}));
    return el("section", { class: "panel stage-panel", "aria-label": "3D shape" },
      el("div", { class: "stage-frame" }, this.viewer.canvas, this.print, this.scale, this.colourKey(), this.views()),
      el("p", { id: "stage-help", class: "muted small", text: "Drag to rotate; pinch or press + and − to zoom. Keyboard: arrow keys rotate, 0 resets." }),
      this.shapeSlider(), this.switches());
  }

  views() {
    const button = (name, text) => el("button", { type: "button", on: { click: () => this.viewer.look(name) }, text });
    return el("div", { class: "views", role: "group", "aria-label": "Look from" }, button("default", "Reset"), button("top", "Top"), button("front", "Front"), button("side", "Side"));
  }

  shapeSlider() {
    const keys = this.cell.keys;
    this.slider = el("input", { type: "range", id: "shape", min: 0, max: keys.length - 1, step: 1, value: 0, on: { input: () => this.pick(keys[Number(this.slider.value)]) } });
    this.output = el("output", { for: "shape" });
    this.player = el("button", { type: "button", class: "icon", on: { click: () => this.play() } });
    this.stops = keys.map((key) => el("button", { type: "button", on: { click: () => this.pick(key) }, text: stopName(key, this.entry) }));
    this.markPlayer();
    return el("div", { class: "shape-control", hidden: keys.length < 2 },
      el("div", { class: "row" }, el("label", { for: "shape", text: "Shape" }), this.output),
      el("div", { class: "row" }, this.entry.samples > 1 ? this.player : null, this.slider),
      el("div", { class: "stops", role: "group", "aria-label": "Shapes" }, this.stops));
  }

  switches() {
    const check = (id, text, checked, change) => {
      const box = el("input", { type: "checkbox", id, checked, on: { change: () => change(box.checked) } });
      return el("label", { class: "check", for: id }, box, text);
    };
    return el("div", { class: "row switches" },
      this.cell.spread ? check("coloured", "Colour by uncertainty", true, (on) => this.set({ coloured: on })) : null,
      check("cut", this.cell.image ? "Cut at the imaged section" : "Cut in the middle", false, (on) => this.set({ isCut: on })),
      saveButtons(`${this.entry.name} shape`, { PNG: () => this.picture("#fff") }));
  }

  colourKey() {
    if (!this.cell.spread) return null;
    this.legend = spreadLegend(this.entry);
    return this.legend;
  }

  set(what) {
    Object.assign(this.viewer, what);
    if (this.legend) this.legend.hidden = !(this.viewer.coloured && this.key !== TRUTH);
    this.viewer.redraw();
  }

  /** Show what the reader chose. */
  pick(key) {
    this.stop();
    this.markPlayer();
    this.choose(key);
  }

  /** Show the consensus, a sample or the truth. */
  choose(key) {
    const at = this.cell.keys.indexOf(key);
    this.key = key;
    this.slider.value = at;
    const words = shapeName(key, this.entry);
    this.output.textContent = words;
    this.slider.setAttribute("aria-valuetext", words);
    this.stops.forEach((stop, i) => stop.setAttribute("aria-pressed", i === at));
    this.viewer.canvas.setAttribute("aria-label", `3D view of ${this.entry.name}: ${words}`);
    this.viewer.show(this.cell, key);
    this.sections.show(key);
    this.set({});
  }

  /** Go through the samples, or stop. */
  play() {
    if (this.timer) this.stop();
    else {
      const samples = this.cell.keys.filter((key) => Number.isInteger(key));
      const next = () => this.choose(samples[(samples.indexOf(this.key) + 1) % samples.length]);
      this.timer = setInterval(next, 700);
      next();
    }
    this.markPlayer();
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
  }

  markPlayer() {
    this.player.textContent = this.timer ? "❚❚" : "▶";
    this.player.setAttribute("aria-label", this.timer ? "Stop" : "Play the samples");
  }

  /** The scale bar below the shape: the projection is parallel, so it is right everywhere. */
  drawScale() {
    const [text, bar] = this.scale.children;
    const { canvas } = this.viewer;
    const pixels = (this.viewer.view().pixels * canvas.clientWidth) / canvas.width; // of a voxel
    const { length, width } = scaleBar(this.entry, pixels, 120);
    text.textContent = `${number(length)} ${lengthUnit(this.entry)}`;
    bar.style.width = `${width}px`;
  }

  /** The 3D view as a picture on paper, dark on light. */
  picture(paper) {
    return stagePicture(this.viewer, this.legend && !this.legend.hidden, paper, "#18212c");
  }

  /** Put the 3D view where a printer finds it. */
  drawPrint() {
    const picture = this.picture(null);
    Object.assign(this.print, { width: picture.width, height: picture.height });
    this.print.getContext("2d").drawImage(picture, 0, 0);
  }

  /** The measures as rows of a table. */
  measureRows() {
    const rows = REPORT.features.map((feature, i) => {
      const [value, low, high, mean, true_] = this.cell.measures[i];
      const ends = low === null ? "" : isFitted(this.entry, feature.name) ? levelName(this.entry) : "range of samples";
      return [columnOf(feature, this.entry.unit, ""), value, low, high, ends, mean, true_];
    });
    return [["measure", "value", "low", "high", "low_to_high", "mean_of_samples", "true"], ...rows];
  }

  side() {
    const input = this.cell.image
      ? el("figure", {}, inputPicture(this.cell), el("figcaption", {}, el("span", { text: "Imaged section" }), el("span", { class: "outline-key mask", text: "mask" })))
      : el("figure", {}, el("p", { class: "muted small missing", text: "This report has no sections, because it was written without the data set." }));
    this.sections.element.prepend(input);
    return el("section", { class: "panel", "aria-labelledby": "sections-title" },
      panelHead("Sections", saveButtons(`${this.entry.name} sections`, { PNG: () => this.sheet() }), "sections-title"), this.sections.element,
      el("p", { class: "muted small" }, "Grey: fraction of the samples. ", el("span", { class: "outline-key mask", text: "shape that is shown" }), " ",
        this.cell.hasTruth ? el("span", { class: "outline-key true", text: "true shape" }) : null));
  }

  /** All sections in one picture. */
  sheet() {
    const figures = [...this.sections.element.querySelectorAll("figure")].filter((figure) => figure.querySelector("canvas"));
    return pictureSheet(figures.map((figure) => ({
      canvas: figure.querySelector("canvas"),
      title: [...figure.querySelectorAll("figcaption > :not(.mask)")].map((part) => part.textContent).join(", "),
    })));
  }

  measures() {
    const main = new Set(REPORT.main);
    const features = REPORT.features;
    const rest = features.filter((feature) => !main.has(feature.name));
    return el("section", { class: "panel", "aria-labelledby": "measures-title" },
      panelHead("Measures", saveButtons(`${this.entry.name} measures`, { CSV: () => this.measureRows() }), "measures-title"),
      this.scores(),
      this.table(features.filter((feature) => main.has(feature.name)), "Main measures"),
      this.ellipsoid(),
      el("details", {}, el("summary", { text: `${rest.length} more measures` }), this.table(rest, "More measures")),
      el("p", { class: "muted small keys" }, el("span", { class: "key-interval", text: this.entry.calibrated === "none" ? "range of samples" : this.entry.calibrated === "all" ? levelName(this.entry) : `${levelName(this.entry)} or range of samples` }), el("span", { class: "key-value", text: this.entry.samples > 1 ? "consensus" : "prediction" }), this.cell.hasTruth ? el("span", { class: "key-truth", text: "truth" }) : null),
      el("p", { class: "muted small", text: `${MEASURE_NOTES[this.note()]} Values are of the ${this.entry.samples > 1 ? "consensus" : "predicted shape"}. Point at a name to see its formula.` }));
  }

  note() {
    if (this.entry.samples < 2) return "single";
    return this.entry.calibrated === "none" && this.entry.warning ? "warned" : this.entry.calibrated;
  }

  scores() {
    if (!this.entry.iou) return null;
    const [consensus, mean, best] = this.entry.iou;
    const samples = ` of the consensus, ${mean.toFixed(3)} of single samples, ${best.toFixed(3)} of the best of them`;
    return el("p", {}, "IoU with the truth: ", el("strong", { text: consensus.toFixed(3) }), this.entry.samples > 1 ? `${samples}.` : ".");
  }

  ellipsoid() {
    const volume = this.cell.ellipsoid;
    if (volume === null || volume === undefined) return null;
    const unit = unitOf(FEATURES.get("volume"), this.entry);
    return el("p", { class: "muted small" }, `Volume of the ellipsoid fitted to the mask (estimate without a model): ${number(volume, 3)} ${unit}.`);
  }

  table(features, caption) {
    const truth = this.cell.hasTruth;
    const ends = { all: levelName(this.entry), volume: "Interval or range" }[this.entry.calibrated] ?? "Range of samples";
    const heads = ["Measure", "Value", ends, "", ...(truth ? ["Truth"] : [])];
    return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
      el("table", {}, el("caption", { class: "hidden", text: caption }),
        el("thead", {}, el("tr", {}, heads.map((text, i) => el("th", { scope: "col", class: i === 3 ? "bar" : null, text })))),
        el("tbody", {}, features.map((feature) => this.row(feature, truth)))));
  }

  row(feature, truth) {
    const [value, from, to, , true_] = this.cell.measures[FEATURES.get(feature.name).at];
    const [low, high] = feature.whole ? wholeEnds([from, to]) : [from, to];
    const write = writerOf(low, high, feature.whole);
    const unit = unitOf(feature, this.entry);
    const fitted = isFitted(this.entry, feature.name);
    const outside = truth && fitted && true_ !== null && low !== null && (true_ < low || true_ > high);
    return el("tr", {},
      el("th", { scope: "row", title: `${feature.formula} (${feature.source})`, text: feature.label }),
      el("td", {}, el("strong", { text: write(value) }), unit ? ` ${unit}` : ""),
      el("td", { text: low === null ? "–" : `${write(low)} to ${write(high)}`, title: fitted ? levelName(this.entry) : "range of samples" }),
      el("td", { class: "bar" }, intervalBar({ value, low, high, truth: true_ })),
      truth ? el("td", {}, write(true_), outside ? el("span", { class: "outside", text: " outside" }) : null) : null);
  }
}

function stopName(key, entry) {
  if (key === CONSENSUS) return entry.samples > 1 ? "Consensus" : "Prediction";
  return key === TRUTH ? "Truth" : String(key + 1);
}

function shapeName(key, entry) {
  if (key === CONSENSUS) return entry.samples > 1 ? `Consensus of ${entry.samples} samples` : "Predicted shape";
  if (key === TRUTH) return "True shape";
  return `Sample ${key + 1} of ${entry.samples}`;
}
