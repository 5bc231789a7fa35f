// Which part is shown, by the address behind "#".

const app = { gallery: null, view: null, turn: 0 };

function start() {
  byId("folder").textContent = REPORT.folder;
  const links = [["#cells", "Cells"], ["#plots", REPORT.scores ? "Scores" : "Plots"], ["#about", "How to read"]];
  byId("nav").append(...links.map(([href, text]) => el("a", { href, text })),
    el("button", { type: "button", id: "print", on: { click: () => printPage().catch(showError) }, text: "Print" }));
  byId("footer").append(`Made by DISPR ${REPORT.version}. This file contains all data and loads nothing from elsewhere.`);
  window.addEventListener("hashchange", () => route(true));
  route(false);
}

/** Show the part that the address names; `moved`: the reader came from another part. */
async function route(moved) {
  const turn = ++app.turn; // an older call that still unpacks must not win
  const hash = decodeHash(location.hash);
  const part = hash.startsWith("cell=") ? "cell" : hash || "cells";
  if (app.view instanceof CellView) app.view.stop();
  app.gallery ||= new Gallery();
  try {
    const view = await viewOf(part, hash.slice("cell=".length));
    if (turn !== app.turn) return;
    const main = byId("main");
    if (app.view !== view) main.replaceChildren(view.element, pager());
    app.view = view;
    if (view.start) view.start();
  } catch (error) {
    showError(error);
  }
  document.title = part === "cell" ? `${hash.slice("cell=".length)} – DISPR report` : `DISPR report: ${REPORT.folder}`;
  for (const link of byId("nav").querySelectorAll("a")) {
    const here = link.hash === `#${part}` || (part === "cell" && link.hash === "#cells");
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (moved) {
    window.scrollTo(0, 0);
    const heading = byId("main").querySelector("h1");
    if (heading) heading.focus({ preventScroll: true });
  }
  document.documentElement.dataset.part = part;
}

async function viewOf(part, name) {
  if (part === "plots") return { element: scoresView() };
  if (part === "about") return { element: aboutView() };
  if (part !== "cell") return app.gallery;
  const entry = CELLS.get(name);
  if (!entry) return { element: problem(`There is no cell ${name} in this report.`) };
  if (!isHere(entry)) {
    location.href = addressOf(entry);
    return { element: problem(`${name} is on page ${entry.page + 1}.`) };
  }
  const order = app.gallery.chosen();
  const at = order.findIndex((cell) => cell.name === name);
  return new CellView(await loadCell(name), at < 0 ? [null, null] : [order[at - 1] || null, order[at + 1] || null]);
}

/** Links to the other files of a large report. */
function pager() {
  if (REPORT.pages.length < 2) return "";
  return el("nav", { class: "pager", "aria-label": "Files of the report" }, "Files: ",
    REPORT.pages.map((name, i) => el("a", { href: encodeURIComponent(name), "aria-current": i === REPORT.page ? "page" : null, text: String(i + 1) })));
}

const problem = (words) => el("div", {}, el("h1", { tabindex: -1, text: "Not here" }), el("p", { class: "notice warn", role: "alert", text: words }));

function showError(error) {
  console.error(error);
  byId("main").prepend(el("p", { class: "notice warn", role: "alert", text: `Part of the report could not be shown: ${error.message}` }));
}

function decodeHash(hash) {
  try {
    return decodeURIComponent(hash.slice(1));
  } catch {
    return hash.slice(1);
  }
}

start();
