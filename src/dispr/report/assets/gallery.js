// All cells, to look through: sorted, filtered, some at a time.

const CARDS_AT_ONCE = 48;

/** What cells can be sorted by: {key: {label, value of a cell, whether large ones come first}}. */
function sortings() {
  const found = {
    name: { label: "Name", of: (cell) => cell.name, down: false },
    [CLASS]: { label: CLASS === "class" ? "Class" : "Predicted class", of: (cell) => cell[CLASS], down: false },
    ...(GROUPS.length > 1 ? { group: { label: "Group", of: (cell) => cell.group, down: false } } : {}),
  };
  for (const name of REPORT.main) {
    found[name] = { label: FEATURES.get(name).label, of: (cell) => mainMeasure(cell, name).value, down: true };
  }
  found.uncertainty = { label: "Uncertainty of the volume", of: relativeWidth, down: true };
  found.spread = { label: "Spread of the surface", of: (cell) => cell.spread * (cell.edge ?? 1), down: true };
  if (REPORT.cells.some((cell) => cell.sde_score !== null)) {
    found.sde_score = { label: "SDE score", of: (cell) => cell.sde_score, down: false };
  }
  if (REPORT.cells.some((cell) => cell.familiarity !== null)) {
    found.familiarity = { label: "Familiarity", of: (cell) => cell.familiarity, down: false };
  }
  if (REPORT.cells.some((cell) => cell.iou)) {
    found.iou = { label: "IoU with the truth", of: (cell) => cell.iou && cell.iou[0], down: false };
  }
  return found;
}

/** Width of the volume's interval over the volume. */
function relativeWidth(cell) {
  const { value, low, high } = mainMeasure(cell, "volume");
  return low === null || !value ? null : (high - low) / value;
}

class Gallery {
  constructor() {
    this.sortings = sortings();
    this.state = { query: "", [CLASS]: "*", group: "*", warned: false, sort: "name", down: false, most: CARDS_AT_ONCE };
    this.status = el("p", { class: "muted", role: "status" });
    this.list = el("ul", { class: "cards" });
    this.more = el("button", { type: "button", class: "more", on: { click: () => this.change({ most: this.state.most + CARDS_AT_ONCE }) } });
    this.canvases = new Map(); // by name, with what was drawn
    this.seen = new IntersectionObserver((entries) => this.onSeen(entries), { rootMargin: "300px" });
    this.element = el("section", { "aria-labelledby": "gallery-title" },
      el("h1", { id: "gallery-title", tabindex: -1, text: this.title() }), overview(), this.toolbar(), this.status, this.list, this.more);
    this.draw();
  }

  title() {
    const count = REPORT.cells.length;
    return count === 1 ? "One cell" : `${number(count)} cells`;
  }

  toolbar() {
    const search = el("input", { type: "search", id: "query", placeholder: "part of a name", on: { input: () => this.change({ query: search.value }) } });
    const chooser = (key, all, names) => {
      const select = el("select", { id: key, on: { change: () => this.change({ [key]: select.value }) } },
        el("option", { value: "*", text: all }), names.map((name) => el("option", { value: name, text: kindName(name, key) })));
      return select;
    };
    const sort = el("select", { id: "sort", on: { change: () => this.change({ sort: sort.value, down: this.sortings[sort.value].down }) } },
      Object.entries(this.sortings).map(([key, { label }]) => el("option", { value: key, text: label })));
    this.direction = el("button", { type: "button", id: "direction", class: "icon", on: { click: () => this.change({ down: !this.state.down }) } });
    const warned = el("input", { type: "checkbox", id: "warned", on: { change: () => this.change({ warned: warned.checked }) } });
    const anyWarning = REPORT.cells.some((cell) => cell.warning);
    return el("form", { class: "toolbar", role: "search", "aria-label": "Sort and filter", on: { submit: (event) => event.preventDefault() } },
      el("label", { for: "query" }, "Find", search),
      CLASSES.length > 1 ? el("label", { for: CLASS }, CLASS === "class" ? "Class" : "Predicted class", chooser(CLASS, "all classes", CLASSES)) : null,
      GROUPS.length > 1 ? el("label", { for: "group" }, "Group", chooser("group", "all groups", GROUPS)) : null,
      el("label", { for: "sort" }, "Sort by", el("span", { class: "joined" }, sort, this.direction)),
      anyWarning ? el("label", { for: "warned", class: "check" }, warned, "Only with warnings") : null,
      saveButtons("cells", { CSV: () => cellRows(this.chosen()) }),
      REPORT.cells.some((cell) => cell.samples > 1) ? spreadLegend(REPORT.cells[0]) : null);
  }

  change(what) {
    Object.assign(this.state, what);
    if (!("most" in what)) this.state.most = CARDS_AT_ONCE;
    this.draw();
  }

  /** The cells that pass the filters, in order. */
  chosen() {
    const { query, warned, sort, down } = this.state;
    const wanted = (cell, key) => this.state[key] === "*" || cell[key] === this.state[key];
    const words = query.trim().toLowerCase();
    const of = this.sortings[sort].of;
    const compare = (a, b) => {
      const [x, y] = [of(a), of(b)];
      if (x === null || y === null) return (x === null) - (y === null); // the unknown at the end
      const order = typeof x === "string" ? x.localeCompare(y, "en", { numeric: true }) : x - y;
      return (down ? -order : order) || a.name.localeCompare(b.name, "en", { numeric: true });
    };
    return REPORT.cells
      .filter((cell) => cell.name.toLowerCase().includes(words))
      .filter((cell) => wanted(cell, CLASS) && wanted(cell, "group") && (!warned || cell.warning))
      .sort(compare);
  }

  draw() {
    const cells = this.chosen();
    const down = this.state.down;
    this.direction.textContent = down ? "↓" : "↑";
    this.direction.setAttribute("aria-label", down ? "Largest first; reverse" : "Smallest first; reverse");
    this.status.textContent = cells.length === REPORT.cells.length ? "" : `${number(cells.length)} of ${number(REPORT.cells.length)} cells`;
    this.seen.disconnect();
    const shown = cells.slice(0, this.state.most);
    this.list.replaceChildren(...shown.map((cell) => this.card(cell)));
    if (!cells.length) this.list.append(el("li", { class: "none", text: "No cell matches the filters." }));
    this.more.hidden = shown.length === cells.length;
    this.more.textContent = `Show more (${number(cells.length - shown.length)} left)`;
  }

  card(cell) {
    const canvas = this.canvasOf(cell);
    const volume = mainMeasure(cell, "volume");
    const sorted = this.sortedBy(cell);
    return el("li", {},
      el("a", { class: "card", href: addressOf(cell) },
        el("div", { class: "picture" }, canvas, isHere(cell) ? null : el("span", { class: "elsewhere", text: `on page ${cell.page + 1}` })),
        el("div", { class: "card-text" },
          cell.warning ? el("span", { class: "badge warn", text: isStrange(cell) ? "⚠ unlike the training cells" : "⚠ with a warning" }) : null,
          el("strong", { class: "card-name" }, breakable(cell.name)),
          el("span", {}, `${volumeText(cell)} `,
            volume.low === null ? null : el("span", { class: "muted", title: isFitted(cell, "volume") ? levelName(cell) : "range of samples", text: isFitted(cell, "volume") ? `(${interval(volume.low, volume.high)})` : `(samples ${interval(volume.low, volume.high)})` })),
          cell.predicted_class ? el("span", { class: "muted", text: predictedClass(cell) }) : null,
          cell.group ? el("span", { class: "muted", text: cell.group }) : null,
          cell.iou ? el("span", { class: "muted", text: `IoU ${cell.iou[0].toFixed(2)}` }) : null,
          sorted ? el("span", { class: "muted", text: sorted }) : null)));
  }

  /** The picture of a cell, which is drawn when it comes into view. */
  canvasOf(cell) {
    let canvas = this.canvases.get(cell.name);
    if (!canvas) {
      canvas = el("canvas", { width: 320, height: 260, class: "thumbnail", "aria-hidden": "true" });
      canvas.dataset.name = cell.name;
      this.canvases.set(cell.name, canvas);
    }
    if (isHere(cell) && !canvas.dataset.drawn) this.seen.observe(canvas);
    return canvas;
  }

  /** What the card tells of the measure that it was sorted by, if it does not already. */
  sortedBy(cell) {
    const { sort } = this.state;
    if (["name", CLASS, "group", "volume", "iou", "sde_score"].includes(sort)) return null;
    const { label, of } = this.sortings[sort];
    const value = of(cell);
    const unit = FEATURES.has(sort) ? unitOf(FEATURES.get(sort), cell) : "";
    if (sort === "uncertainty") return `${label}: ${value === null ? "–" : percent(value)}`;
    if (sort === "spread") return `Spread: ${spreadText(cell.spread, cell)}`;
    return `${label}: ${number(value)}\u00a0${unit}`;
  }

  onSeen(entries) {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      this.seen.unobserve(target);
      this.drawPicture(target).catch(showError);
    }
  }

  async drawPicture(canvas) {
    if (canvas.dataset.drawn) return;
    canvas.dataset.drawn = "yes";
    await drawThumbnail(canvas, canvas.dataset.name);
  }

  /** Draw the pictures that have not come into view, as for a print. */
  async drawAll() {
    for (const canvas of this.list.querySelectorAll(".thumbnail")) {
      if (isHere(CELLS.get(canvas.dataset.name))) await this.drawPicture(canvas);
    }
  }
}

/** The report in a few figures. */
function overview() {
  const figures = [];
  const warned = REPORT.cells.filter((cell) => cell.warning).length;
  if (warned || REPORT.cells.some((cell) => cell.familiarity !== null)) figures.push([String(warned), warned === 1 ? "cell with a warning" : "cells with a warning"]);
  const scored = REPORT.cells.filter((cell) => cell.iou);
  if (scored.length) {
    const mean = scored.reduce((sum, cell) => sum + cell.iou[0], 0) / scored.length;
    figures.push([mean.toFixed(3), "mean IoU of the consensus with the truth"]);
    const fitted = scored.filter((cell) => isFitted(cell, "volume"));
    const held = fitted.map((cell) => mainMeasure(cell, "volume")).filter((measure) => measure.low !== null);
    if (held.length) {
      const inside = held.filter(({ low, high, truth }) => low <= truth && truth <= high).length;
      figures.push([percent(inside / held.length), `of the true volumes lie in their ${levelName(fitted[0])}`]);
    }
  }
  if (!figures.length) return null;
  return el("dl", { class: "overview" }, figures.map(([value, words]) => el("div", {}, el("dt", { text: words }), el("dd", { text: value }))));
}
