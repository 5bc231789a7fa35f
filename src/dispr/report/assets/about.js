// How to read the report.

function aboutView() {
  const settings = Object.entries(REPORT.settings);
  const terms = [
    ["Samples", "From one section, the model draws several plausible 3D shapes of the cell. Where they agree, the section tells the shape; where they differ, it does not."],
    ["Consensus", "The voxels that more than half of the samples hold."],
    ["Uncertainty as colour", "How far the surfaces of the samples scatter at a place of the surface: their standard deviation, from blue (they agree) to orange. Errors that all samples share do not show in it. All cells have the same scale."],
    ["90 % interval", "Holds the true value of nine cells in ten that are like those it was fitted to. What was fitted is said below the measures."],
    ["Range of samples", "From the least to the greatest of the samples and their consensus. Given where nothing was calibrated, and for cells with a warning; it says nothing of how often the truth lies in it."],
    ["Warning", "The section is more unusual than those of nearly all training cells, and its shape is not to be trusted; or the cell is cut off by the border of its field of view. What it is stands beside it."],
    ["Familiarity", `Share of the training cells whose sections are more unusual than this one. A warning stands below ${REPORT.alarm}.`],
    ["IoU", "Voxels that prediction and truth share, over those that either holds; 1 is best."],
    ["Units", "Micrometres (µm) where the size of the pixels is known; else pixels (px) of the field of view, or voxels of cells that are from none."],
    ["Sections", "XY is seen from above as it was imaged, through plane Z 32; XZ and YZ from the side, Z up. Click into one to move the others there."],
  ];
  const keys = [
    ["Tab", "from control to control"],
    ["Arrow keys", "in the 3D view: turn; on a slider: next shape or plane"],
    ["+ and −", "in the 3D view: zoom"],
    ["0", "in the 3D view: back to the start"],
    ["Double-click", "in the 3D view: back to the start"],
  ];
  const list = (pairs) => el("dl", { class: "terms" }, pairs.map(([term, words]) => [el("dt", { text: term }), el("dd", { text: words })]));
  return el("div", { class: "prose" },
    el("h1", { tabindex: -1, text: "How to read this report" }),
    el("section", { class: "panel" }, list(terms)),
    el("section", { class: "panel" }, el("h2", { text: "Keys" }), list(keys)),
    el("section", { class: "panel" }, el("h2", { text: "How the shapes were drawn" }),
      madeText() ? el("p", { text: madeText() }) : null,
      (REPORT.made.runs || []).map(({ command, date }) =>
        el("p", {}, `On ${date.replace("T", " at ").slice(0, 19)}: `, el("code", { class: "command", text: command }))),
      settings.length ? list(settings) : el("p", { text: "The folder of the prediction does not say." })));
}

/** The model and the samples in words; nothing if the prediction does not say. */
function madeText() {
  const { network, deterministic, weights, trained_on: cells, frame_um: frame } = REPORT.made;
  if (!network) return "";
  const { ensemble, steps, sampler, seed } = REPORT.settings;
  const kind = { Cascade: "the fast diffusion model", UNet: "a 3D diffusion U-Net" }[network] || "a network";
  const named = `${deterministic ? "a deterministic network" : kind}${weights ? ` (weights "${weights}")` : ""}`;
  const trained = cells ? `, trained on ${cells}${frame ? ` seen in squares of ${frame}\u00a0µm` : ""}` : "";
  const drawn = deterministic ? "one shape a cell" : `${ensemble} samples a cell, each in ${steps} steps (${sampler}), seed ${seed}`;
  return `The shapes are from ${named}${trained}: ${drawn}.`;
}
