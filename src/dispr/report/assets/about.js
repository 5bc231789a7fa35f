// How to read the report.

function aboutView() {
  const settings = Object.entries(REPORT.settings);
  const terms = [
    ["Samples", "From one section, the model draws several plausible 3D shapes of the cell. Where they agree, the section determines the shape; where they differ, it does not."],
    ["Consensus", "The shape made of the voxels that more than half of the samples contain."],
    ["Uncertainty as colour", "The standard deviation of the positions of the samples' surfaces at each point, from blue (they agree) to orange. It does not include errors that all samples share. All cells have the same scale."],
    ["90 % interval (or another level)", "Contains the true value for 90 % of cells, if they are like those that it was calibrated on. The text below the measures states what was calibrated."],
    ["Range of samples", "The smallest to the largest value among the samples and their consensus. Shown if the model was not calibrated and for cells with a warning; it has no stated coverage."],
    ["Warning", "The section is more unusual than those of nearly all training cells, so do not trust its shape; or the cell is cut by the border of its field of view. The text of the warning states the reason."],
    ["Familiarity", `Fraction of the training cells whose sections are more unusual than this one. Values below ${REPORT.alarm} give a warning.`],
    ["Predicted class", "What a classifier says of the section alone, with its calibrated probability; \"not sure\" if no class reaches 80 %. Only for models of red blood cells, and cells without a warning. The probability holds for cells imaged as the published ones were; check it on cells that you know."],
    ["SDE score", "From -1 (spherocyte) over 0 (discocyte) to 1 (echinocyte), for cells whose predicted class is SDE."],
    ["IoU", "Intersection over union: the number of voxels that prediction and truth share, divided by the number that either contains. 1 is best."],
    ["Units", "Micrometres (µm) if the pixel size is known; otherwise pixels (px) of the field of view, or voxels for single cells."],
    ["Sections", "XY is the view from above, as imaged, through plane Z 32; XZ and YZ are views from the side, with Z up. Click in one section to move the others to this position."],
  ];
  const keys = [
    ["Tab", "next control"],
    ["Arrow keys", "in the 3D view: rotate; on a slider: next shape or plane"],
    ["+ and −", "in the 3D view: zoom"],
    ["0", "in the 3D view: reset the view"],
    ["Double-click", "in the 3D view: reset the view"],
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
      settings.length ? list(settings) : el("p", { text: "Not recorded in the folder of the prediction." })));
}

/** The model and the samples in words; nothing if the prediction does not say. */
function madeText() {
  const { network, deterministic, weights, trained_on: cells, frame_um: frame } = REPORT.made;
  if (!network) return "";
  const { ensemble, steps, sampler, seed } = REPORT.settings;
  const kind = { Cascade: "the fast diffusion model", UNet: "a 3D diffusion U-Net" }[network] || "a network";
  const named = `${deterministic ? "a deterministic network" : kind}${weights ? ` (weights "${weights}")` : ""}`;
  const trained = cells ? `, trained on ${cells}${frame ? ` in squares of ${frame}\u00a0µm` : ""}` : "";
  const drawn = deterministic ? "one shape per cell" : `${ensemble} samples per cell, each in ${steps} steps (${sampler}), seed ${seed}`;
  return `The shapes are from ${named}${trained}: ${drawn}.`;
}
