// Save what is seen as files, PNG, SVG or CSV, and print it.

const STAGE_PIXELS = 1400; // edge of a saved 3D view
const SVG_SCALE = 3; // pixels of a saved chart for one of the drawing

/** Hand a file to the downloads of the browser. */
function download(name, blob) {
  const url = URL.createObjectURL(blob);
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

/** A name for a file, of what all systems take. */
const fileName = (...parts) => parts.join("_").replace(/[^\p{L}\p{N}.+-]+/gu, "_").replace(/^[.-]/, "_");

/** Kinds of files: from what a maker gives to their content. */
const FILE_KINDS = {
  PNG: { suffix: ".png", blob: (made) => (made instanceof HTMLCanvasElement ? pngOf(made) : pngOfDrawing(made)) },
  SVG: { suffix: ".svg", blob: (made) => new Blob([textOfDrawing(made)], { type: "image/svg+xml" }) },
  CSV: { suffix: ".csv", blob: (made) => new Blob([csvOf(made)], { type: "text/csv" }) },
};

/** Buttons that save; what: its words; makers: by kind, functions that give a canvas, a drawing or rows. */
function saveButtons(what, makers) {
  const save = async (kind) => {
    try {
      const { suffix, blob } = FILE_KINDS[kind];
      download(fileName(REPORT.folder, what) + suffix, await blob(makers[kind]()));
    } catch (error) {
      showError(error);
    }
  };
  return el("span", { class: "save", role: "group", "aria-label": `Save ${what}` }, el("span", { class: "muted", "aria-hidden": "true", text: "Save" }),
    Object.keys(makers).map((kind) => el("button", { type: "button", "aria-label": `Save ${what} as ${kind}`, on: { click: () => save(kind) }, text: kind })));
}

/** The heading of a panel, with buttons that save it. */
const panelHead = (title, buttons, id = null) => el("div", { class: "panel-head" }, el("h2", { id, text: title }), buttons);

/** The buttons of a chart, which may be drawn anew. */
const chartButtons = (what, chart) => saveButtons(what, { PNG: chart, SVG: chart });

const pngOf = (canvas) => new Promise((resolve) => canvas.toBlob(resolve, "image/png"));

/** Rows of a table as CSV; the first holds the names of the columns. */
function csvOf(rows) {
  const text = (value) => {
    const words = value === null || value === undefined ? "" : String(value);
    return /[",\r\n]/.test(words) ? `"${words.replaceAll('"', '""')}"` : words;
  };
  return rows.map((row) => row.map(text).join(",") + "\n").join("");
}

const DRAWN = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "opacity", "font-size", "font-weight", "paint-order", "vector-effect"];

/** A drawing as a file of its own, with the styles that it has on the page. */
function textOfDrawing(drawing) {
  const copy = drawing.cloneNode(true);
  const [shown, copied] = [drawing, copy].map((root) => [...root.querySelectorAll("*")]);
  copied.forEach((element, i) => {
    const style = getComputedStyle(shown[i]);
    for (const name of DRAWN) if (style.getPropertyValue(name)) element.setAttribute(name, style.getPropertyValue(name));
    element.removeAttribute("class");
  });
  // Links lead nowhere without the page.
  for (const link of copy.querySelectorAll("a")) link.replaceWith(filled(svg("g"), {}, [...link.childNodes]));
  const [x, y, width, height] = drawing.getAttribute("viewBox").split(" ").map(Number);
  const scale = Math.max(1, CHART.width / width);
  copy.prepend(svg("rect", { x, y, width, height, fill: getComputedStyle(document.body).getPropertyValue("--surface") }));
  filled(copy, { xmlns: "http://www.w3.org/2000/svg", width: width * scale, height: height * scale, "font-family": "system-ui, sans-serif" }, []);
  copy.removeAttribute("class");
  return new XMLSerializer().serializeToString(copy);
}

/** A drawing as a picture. */
async function pngOfDrawing(drawing) {
  const picture = new Image();
  picture.src = `data:image/svg+xml,${encodeURIComponent(textOfDrawing(drawing))}`;
  await picture.decode();
  const canvas = el("canvas", { width: picture.width * SVG_SCALE, height: picture.height * SVG_SCALE });
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return pngOf(canvas);
}

/** The 3D view with its scale bar and the key of its colours, as it is turned. */
function stagePicture(viewer, legend, paper, ink) {
  const side = STAGE_PIXELS;
  const canvas = el("canvas", { width: side, height: side });
  const context = canvas.getContext("2d");
  if (paper) {
    context.fillStyle = paper;
    context.fillRect(0, 0, side, side);
  }
  context.drawImage(viewer.drawn(side), 0, 0);
  const unit = side / 40;
  const entry = viewer.cell.entry;
  const { length, width } = scaleBar(entry, viewer.zoom * viewer.scale * side, 0.2 * side);
  context.fillStyle = ink;
  context.font = `${unit}px system-ui, sans-serif`;
  context.fillRect(unit, side - 1.4 * unit, width, 0.4 * unit);
  context.fillText(`${number(length)} ${lengthUnit(entry)}`, unit, side - 1.9 * unit);
  if (!legend) return canvas;
  const [left, bar] = [side - 9.5 * unit, 8.5 * unit];
  const gradient = context.createLinearGradient(left, 0, left + bar, 0);
  STOPS.forEach((stop, i) => gradient.addColorStop(i / (STOPS.length - 1), css(stop)));
  context.fillText("Samples differ by", left, side - 3.6 * unit);
  context.fillText("0", left, side - unit);
  context.textAlign = "right";
  context.fillText(`± ${spreadText(SPREAD_TOP, entry)}`, left + bar, side - unit);
  context.fillStyle = gradient;
  context.fillRect(left, side - 3 * unit, bar, 0.7 * unit);
  return canvas;
}

/** Pictures with their titles in two columns. */
function pictureSheet(pictures) {
  const [side, head, gap] = [pictures[0].canvas.width, 30, 12];
  const rows = Math.ceil(pictures.length / 2);
  const sheet = el("canvas", { width: 2 * side + gap, height: rows * (side + head) });
  const context = sheet.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.fillStyle = "#18212c";
  context.font = "15px system-ui, sans-serif";
  pictures.forEach(({ canvas, title }, i) => {
    const [x, y] = [(i % 2) * (side + gap), (i >> 1) * (side + head)];
    context.drawImage(canvas, x, y + head);
    context.fillText(title, x, y + head - 9);
  });
  return sheet;
}

/** The table of some cells: names, warnings and main measures; columns as `dispr measure` calls them. */
function cellRows(cells) {
  const columns = [];
  const add = (name, of) => columns.push([name, of]);
  add("name", (cell) => cell.name);
  if (REPORT.cells.some((cell) => cell.group)) add("group", (cell) => cell.group);
  for (const key of ["class", "predicted_class", "class_probability", "sde_score", "samples", "calibrated", "level", "warning", "familiarity"]) add(key, (cell) => cell[key]);
  if (cells.some((cell) => cell.iou)) add("iou", (cell) => cell.iou && cell.iou[0]);
  for (const unit of new Set(cells.map((cell) => cell.unit))) {
    for (const name of REPORT.main) {
      const put = (statistic, of) => {
        const column = columnOf(FEATURES.get(name), unit, statistic);
        if (columns.some(([other]) => other === column)) return; // a share, which has no unit
        add(column, (cell) => (cell.unit === unit || !hasUnit(FEATURES.get(name)) ? of(cell, mainMeasure(cell, name)) : null));
      };
      put("", (cell, { value }) => value);
      for (const [end, ends] of [["low", ["low", "min"]], ["high", ["high", "max"]]]) {
        put(ends[0], (cell, measure) => (isFitted(cell, name) ? measure[end] : null));
        put(ends[1], (cell, measure) => (isFitted(cell, name) ? null : measure[end]));
      }
      if (cells.some((cell) => cell.iou)) put("true", (cell, { truth }) => truth);
    }
  }
  return [columns.map(([name]) => name), ...cells.map((cell) => columns.map(([, of]) => of(cell)))];
}

/** Print the page, once all of it is drawn. */
async function printPage() {
  if (app.view && app.view.drawAll) await app.view.drawAll();
  window.print();
}

window.addEventListener("beforeprint", () => {
  // The 3D view is of a kind of canvas that printers do not get.
  if (app.view instanceof CellView) app.view.drawPrint();
});
