// Charts as SVG, whose points are links to cells.

const CHART = { width: 520, height: 400, right: 16, top: 14, bottom: 58 };

/** Width of the longest of some texts; on a phone, letters are larger (see style.css). */
function widthOf(texts) {
  const letter = window.matchMedia("(max-width: 560px)").matches ? 11.5 : 8;
  return letter * Math.max(...texts.map((text) => text.length));
}

/** Round ticks between two values. */
function ticks(low, high, count = 5) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(i * step);
  return found;
}

/** The range of values, a little widened. */
function rangeOf(values) {
  const known = values.filter((value) => value !== null && Number.isFinite(value));
  if (!known.length) return [0, 1];
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const pad = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return [low - pad, high + pad];
}

/** A scale from values to pixels. */
function scaleOf([low, high], start, end) {
  return (value) => start + ((value - low) / (high - low)) * (end - start);
}

/** An interval, the value of the consensus (dot) and the true value (diamond), side by side. */
function intervalBar({ value, low, high, truth }) {
  const width = 150;
  if (value === null || low === null) return el("span", { class: "muted", text: "–" });
  const scale = scaleOf(rangeOf([value, low, high, truth]), 2, width - 2);
  const parts = [
    svg("line", { x1: 0, x2: width, y1: 10, y2: 10, class: "axis" }),
    svg("rect", { x: scale(low), y: 6, width: Math.max(scale(high) - scale(low), 1), height: 8, rx: 4, class: "interval" }),
    svg("circle", { cx: scale(value), cy: 10, r: 4, class: "value" }),
  ];
  if (truth !== null) {
    const at = scale(truth);
    parts.push(svg("path", { d: `M${at} 3L${at + 5} 10L${at} 17L${at - 5} 10Z`, class: "truth" }));
  }
  return svg("svg", { viewBox: `0 0 ${width} 20`, class: "interval-bar", "aria-hidden": "true" }, parts);
}

/**
 * A chart of points.
 *
 * points: [{x, y, low, high, left, right, name, group, href, outside}]; low and high are the ends of
 * the interval of y, left and right, where they are given, of x. diagonal: whether both axes have one
 * range, with a line where they are equal.
 */
function scatter({ points, xLabel, yLabel, title, diagonal = false }) {
  const { width, height, right, top, bottom } = CHART;
  const known = points.filter((point) => point.x !== null && point.y !== null);
  const xs = known.flatMap((point) => [point.x, point.left ?? null, point.right ?? null]);
  const ys = known.flatMap((point) => [point.y, point.low, point.high]);
  const xRange = rangeOf(diagonal ? [...xs, ...ys] : xs);
  const yRange = diagonal ? xRange : rangeOf(ys);
  const left = 38 + widthOf(ticks(...yRange).map((tick) => number(tick)));
  const x = scaleOf(xRange, left, width - right);
  const y = scaleOf(yRange, height - bottom, top);
  const parts = axes(x, y, xRange, yRange, xLabel, yLabel, left);
  if (diagonal) {
    parts.push(svg("line", { x1: x(xRange[0]), y1: y(xRange[0]), x2: x(xRange[1]), y2: y(xRange[1]), class: "diagonal" }));
  }
  for (const point of known) {
    const words = `${point.name}: ${xLabel} ${number(point.x)}, ${yLabel} ${number(point.y)}`;
    const colour = kindColour(point.group);
    const link = svg("a", { href: point.href, "aria-label": words, class: "point" }, svg("title", { text: words }));
    if (point.low !== null && point.low !== undefined) {
      link.append(svg("line", { x1: x(point.x), x2: x(point.x), y1: y(point.low), y2: y(point.high), stroke: colour, class: "whisker" }));
    }
    if (point.left !== null && point.left !== undefined) {
      link.append(svg("line", { x1: x(point.left), x2: x(point.right), y1: y(point.y), y2: y(point.y), stroke: colour, class: "whisker" }));
    }
    link.append(svg("circle", { cx: x(point.x), cy: y(point.y), r: 5, fill: point.outside ? "var(--surface)" : colour, stroke: colour }));
    parts.push(link);
  }
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "group", "aria-label": title }, parts);
}

function axes(x, y, xRange, yRange, xLabel, yLabel, left) {
  const { width, height, right, top, bottom } = CHART;
  const parts = [];
  for (const tick of ticks(...xRange, left > 90 ? 4 : 5)) {
    parts.push(svg("line", { x1: x(tick), x2: x(tick), y1: top, y2: height - bottom, class: "grid" }));
    parts.push(svg("text", { x: x(tick), y: height - bottom + 20, "text-anchor": "middle", text: number(tick) }));
  }
  for (const tick of ticks(...yRange)) {
    parts.push(svg("line", { x1: left, x2: width - right, y1: y(tick), y2: y(tick), class: "grid" }));
    parts.push(svg("text", { x: left - 8, y: y(tick) + 4, "text-anchor": "end", text: number(tick) }));
  }
  const middle = (top + height - bottom) / 2;
  parts.push(svg("text", { x: (left + width - right) / 2, y: height - 10, "text-anchor": "middle", class: "label", text: xLabel }));
  parts.push(svg("text", { x: 16, y: middle, "text-anchor": "middle", transform: `rotate(-90 16 ${middle})`, class: "label", text: yLabel }));
  return parts;
}

/** Points of each group in a row of their own, with the mean as a line. points: [{value, name, group, href}] */
function strip({ points, label, title, range }) {
  const groups = KINDS.filter((group) => points.some((point) => point.group === group));
  const row = 34;
  const left = 14 + widthOf(groups.map((name) => kindName(name)));
  const { width, right } = CHART;
  const height = groups.length * row + 70;
  const x = scaleOf(range || rangeOf(points.map((point) => point.value)), left, width - right);
  const bounds = range || rangeOf(points.map((point) => point.value));
  const parts = [];
  for (const tick of ticks(...bounds)) {
    parts.push(svg("line", { x1: x(tick), x2: x(tick), y1: 8, y2: height - 56, class: "grid" }));
    parts.push(svg("text", { x: x(tick), y: height - 36, "text-anchor": "middle", text: number(tick) }));
  }
  parts.push(svg("text", { x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle", class: "label", text: label }));
  groups.forEach((group, i) => {
    const own = points.filter((point) => point.group === group);
    const y = 8 + (i + 0.5) * row;
    parts.push(svg("text", { x: left - 10, y: y + 4, "text-anchor": "end", text: kindName(group) }));
    const mean = own.reduce((sum, point) => sum + point.value, 0) / own.length;
    parts.push(svg("line", { x1: x(mean), x2: x(mean), y1: y - 13, y2: y + 13, class: "mean" }));
    for (const point of own) {
      const words = `${point.name}: ${label} ${number(point.value, 3)}`;
      parts.push(
        svg("a", { href: point.href, "aria-label": words, class: "point" }, svg("title", { text: words }),
          svg("circle", { cx: x(point.value), cy: y, r: 5, fill: kindColour(group), "fill-opacity": 0.8, stroke: kindColour(group) })),
      );
    }
  });
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "group", "aria-label": title }, parts);
}

/**
 * Cells at their places in an image, whose rows go down.
 *
 * points: [{place, name, words, colour, warned, href, label, outline}]; label and outline, x and y in turn,
 * where they are known. field: {width, height, step, image}, where it is known; scale: {label, low, high} of the
 * colours.
 */
function placeMap(points, field, scale) {
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point.place[axis]));
  const side = field ? Math.max(field.width, field.height) : Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys), 64);
  const pad = 0.08 * side;
  const box = field ? [-0.5, -0.5, field.width, field.height]
    : [Math.min(...xs) - pad, Math.min(...ys) - pad, Math.max(...xs) - Math.min(...xs) + 2 * pad, Math.max(...ys) - Math.min(...ys) + 2 * pad];
  const radius = side / Math.max(36, 4 * Math.sqrt(points.length));
  const parts = field && field.image ? [svg("image", { href: field.image, x: -0.5, y: -0.5, width: Math.ceil(field.width / field.step) * field.step, height: Math.ceil(field.height / field.step) * field.step, preserveAspectRatio: "none" })] : [];
  for (const { place: [x, y], name, words, colour, warned, href, label, outline } of points) {
    const text = `${name}: ${words}`;
    const look = { fill: colour, "fill-opacity": outline ? 0.35 : 0.9, stroke: colour, "stroke-dasharray": warned ? "4 3" : "none", "vector-effect": "non-scaling-stroke" };
    parts.push(svg("a", { href, class: "point", "aria-label": text }, svg("title", { text }),
      outline ? svg("polygon", { points: outline.join(" "), ...look }) : svg("circle", { cx: x, cy: y, r: radius, ...look }),
      label ? svg("text", { x, y, "text-anchor": "middle", "dominant-baseline": "central", class: "number", "font-size": radius, text: String(label) }) : null));
  }
  const [x, y, width, height] = box;
  const line = width / 40; // height of the letters
  if (scale) parts.push(...colourBar(scale, x + line, y + height + line, width - 2 * line, line));
  return svg("svg", { viewBox: `${x} ${y} ${width} ${height + (scale ? 4 * line : 0)}`, class: "chart map", role: "group", "aria-label": "Cells in the field of view" }, parts);
}

/** The colours of a map with what they mean. */
function colourBar({ label, low, high }, x, y, width, line) {
  const bands = 40;
  const parts = Array.from({ length: bands }, (_, i) =>
    svg("rect", { x: x + (i * width) / bands, y, width: width / bands + 0.05 * line, height: line, fill: mapColour(i / (bands - 1)) }));
  const text = (at, anchor, words) => svg("text", { x: at, y: y + 2.2 * line, "text-anchor": anchor, "font-size": line, class: "label", text: words });
  return [...parts, text(x, "start", number(low)), text(x + width / 2, "middle", label), text(x + width, "end", number(high))];
}

/** The colours of the groups or classes. */
function legend() {
  if (KINDS.length < 2) return null;
  return el("ul", { class: "legend" }, KINDS.map((name) =>
    el("li", {}, el("span", { class: "dot", style: `background:${kindColour(name)}` }), kindName(name))));
}
