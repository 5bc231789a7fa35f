// Plots of all cells, and scores where there is a truth.

const METRIC_NAMES = { iou: "IoU", volume_error: "Volume error", surface_error: "Surface error", roughness_error: "Roughness error", convexity_error: "Convexity error" };

function scoresView() {
  const scored = REPORT.scores !== null;
  return el("div", { class: "plots" },
    el("h1", { tabindex: -1, text: scored ? "Scores and plots" : "Plots" }),
    scored ? scoreTables() : null,
    legend(),
    el("div", { class: "chart-grid" },
      scored ? agreement() : null,
      scored ? chartPanel("IoU with the truth", iouStrip()) : null,
      KINDS.length > 1 ? byKind() : null,
      comparison(),
      fieldMap()));
}

function scoreTables() {
  const { summary, intervals, ensemble } = REPORT.scores;
  const metrics = Object.keys(METRIC_NAMES);
  const heads = ["Shape", "Cells", ...metrics.map((metric) => METRIC_NAMES[metric])];
  const rows = summary.map((row) => [row.shape, row.cells, ...metrics.map((metric) => statistics(row[`${metric}_mean`], row[`${metric}_sd`]))]);
  const held = intervals.map((row) => [row.quantity, row.group, row.cells, `${percent(row.held, 1)} (${percent(row.held_low)} to ${percent(row.held_high)})`, percent(row.width, 1)]);
  const drawn = ensemble.map((row) => [row.quantity, row.cells, row.draws, row.crps.toFixed(3), "spread_to_error" in row ? number(row.spread_to_error, 2) : "–", row.ranks ?? "–"]);
  const level = intervals.length && intervals[0].level ? `${Number((100 * intervals[0].level).toPrecision(4))} % intervals` : "intervals";
  return el("section", { class: "panel", "aria-labelledby": "scores-title" },
    panelHead("Scores", saveButtons("scores", { CSV: () => [Object.keys(summary[0]), ...summary.map((row) => Object.values(row))] }), "scores-title"),
    plainTable("Scores", heads, rows),
    el("p", { class: "muted small", text: "Mean ± standard deviation over the cells. IoU: higher is better. Errors are relative; lower is better. The best of N can be selected only with the true shape." }),
    held.length ? el("details", {}, el("summary", { text: `Coverage of the ${level}` }), plainTable("Intervals", ["Interval of", "Cells", "Number", "Coverage", "Mean width"], held),
      el("p", { class: "muted small", text: "In brackets: where the coverage of many such cells lies with a probability of 95 %, if the cells are independent." })) : null,
    drawn.length ? el("details", {}, el("summary", { text: "Spread of the samples" }), plainTable("Spread of the samples", ["Measure", "Cells", "Independent samples", "CRPS", "Spread / error", "Cells by rank of the truth"], drawn),
      el("p", { class: "muted small", text: "Relative to the true value. Spread / error is 1, and the ranks are equally frequent, if the truth is like one more sample; below 1, the samples are too similar to each other." })) : null);
}

/** Mean and deviation, which a single cell does not have. */
function statistics(mean, sd) {
  return sd === null ? mean.toFixed(3) : `${mean.toFixed(3)} ± ${sd.toFixed(3)}`;
}

function plainTable(label, heads, rows) {
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label },
    el("table", {}, el("thead", {}, el("tr", {}, heads.map((text) => el("th", { scope: "col", text })))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map((text, i) => el(i ? "td" : "th", { scope: i ? null : "row", text: String(text) })))))));
}

/** A chart that one or two measures are chosen for. */
function measureChart(title, choices, draw) {
  const place = el("div", {});
  const selects = choices.map(({ label, value }) => {
    const select = el("select", { "aria-label": label, on: { change: () => update() } },
      REPORT.main.map((name) => el("option", { value: name, selected: name === value, text: FEATURES.get(name).label })));
    return el("label", {}, label, select);
  });
  const update = () => place.replaceChildren(...draw(...selects.map((label) => label.querySelector("select").value)));
  update();
  return chartPanel(title, el("div", { class: "toolbar" }, selects), place);
}

/** A panel around a chart, which can be saved. */
function chartPanel(title, ...parts) {
  const panel = el("section", { class: "panel" }, panelHead(title, chartButtons(title, () => panel.querySelector(".chart"))), parts);
  return panel;
}

/** Predicted over true values. */
function agreement() {
  return measureChart("Predicted and true values", [{ label: "Measure", value: "volume" }], (name) => {
    const cells = REPORT.cells.filter((cell) => cell.iou);
    const fitted = cells.filter((cell) => isFitted(cell, name) && mainMeasure(cell, name).low !== null).length;
    const points = cells.map((cell) => {
      const { value, low, high, truth } = mainMeasure(cell, name);
      return { x: truth, y: value, low, high, name: cell.name, group: cell[KIND], href: addressOf(cell), outside: isFitted(cell, name) && low !== null && (truth < low || truth > high) };
    });
    const label = labelOf(name);
    const outside = points.filter((point) => point.outside).length;
    const held = fitted ? ` Of ${fitted} intervals ${fitted - outside} contain the true value; hollow points are outside.` : "";
    return [
      scatter({ points, xLabel: `true ${label}`, yLabel: `predicted ${label}`, title: `Predicted against true ${label}`, diagonal: true }),
      el("p", { class: "muted small", text: `Lines are ${endsName(cells, name)}.${held}` }),
    ];
  });
}

/** A measure of the cells of each group or class. */
function byKind() {
  return measureChart(`Measures by ${KIND_NAME}`, [{ label: "Measure", value: "volume" }], (name) => {
    const points = REPORT.cells.filter((cell) => mainMeasure(cell, name).value !== null)
      .map((cell) => ({ value: mainMeasure(cell, name).value, name: cell.name, group: cell[KIND], href: addressOf(cell) }));
    const rows = KINDS.map((kind) => {
      const values = points.filter((point) => point.group === kind).map((point) => point.value).sort((a, b) => a - b);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return [kindName(kind), values.length, values.length ? number(mean) : "–", values.length ? number(medianOf(values)) : "–"];
    });
    return [
      strip({ points, label: labelOf(name), title: `${labelOf(name)} by ${KIND_NAME}` }),
      plainTable(`${labelOf(name)} by ${KIND_NAME}`, [KIND_NAME.replace(/^./, (letter) => letter.toUpperCase()), "Cells", "Mean", "Median"], rows),
      el("p", { class: "muted small", text: "Dots are cells, lines are means. The plot is not a statistical test of a difference." }),
    ];
  });
}

/** The median of sorted values. */
function medianOf(values) {
  const half = values.length / 2;
  return values.length % 2 ? values[Math.floor(half)] : (values[half - 1] + values[half]) / 2;
}

/** Any two measures of all cells. */
function comparison() {
  const choices = [{ label: "Across", value: "volume" }, { label: "Up", value: "sphericity" }];
  return measureChart("Measures of all cells", choices, (across, up) => {
    const points = REPORT.cells.map((cell) => {
      const { value, low, high } = mainMeasure(cell, up);
      const { value: x, low: left, high: right } = mainMeasure(cell, across);
      return { x, left, right, y: value, low, high, name: cell.name, group: cell[KIND], href: addressOf(cell) };
    });
    return [
      scatter({ points, xLabel: labelOf(across), yLabel: labelOf(up), title: `${labelOf(up)} over ${labelOf(across)}` }),
      el("p", { class: "muted small", text: `Lines are ${endsName(REPORT.cells, up)}.` }),
    ];
  });
}

/** Where the cells are in their field of view, coloured by a measure. */
function fieldMap() {
  const cells = REPORT.cells.filter((cell) => cell.place);
  if (!cells.length) return null;
  return measureChart("In the field of view", [{ label: "Coloured by", value: "volume" }], (name) => {
    const known = cells.map((cell) => mainMeasure(cell, name).value).filter((value) => value !== null);
    const [low, high] = [Math.min(...known), Math.max(...known)];
    const points = cells.map((cell) => {
      const { value } = mainMeasure(cell, name);
      const colour = value === null ? "var(--muted)" : mapColour(high > low ? (value - low) / (high - low) : 0.5);
      return { place: cell.place, name: cell.name, words: `${labelOf(name)} ${number(value)}`, colour, warned: cell.warning, href: addressOf(cell), ...(REPORT.field && REPORT.field.cells[cell.name]) };
    });
    return [
      placeMap(points, REPORT.field, known.length ? { label: labelOf(name), low, high } : null),
      el("p", { class: "muted small", text: "Oriented as the image (Y down). Outlines of cells with a warning are dashed. Click a cell to see its shapes." }),
    ];
  });
}

function volumeText(cell) {
  const { value, low, high } = mainMeasure(cell, "volume");
  return `${writerOf(low, high)(value)}\u00a0${unitOf(FEATURES.get("volume"), cell)}`;
}

function iouStrip() {
  const points = REPORT.cells.filter((cell) => cell.iou).map((cell) => ({ value: cell.iou[0], name: cell.name, group: cell[KIND], href: addressOf(cell) }));
  return strip({ points, label: "IoU of the consensus", title: `IoU by ${KIND_NAME}`, range: [0, 1] });
}

/** A measure with its unit; that of the first cell, as most reports have one. */
function labelOf(name) {
  const feature = FEATURES.get(name);
  const unit = unitOf(feature, REPORT.cells[0]);
  return unit ? `${feature.label.toLowerCase()} (${unit})` : feature.label.toLowerCase();
}
