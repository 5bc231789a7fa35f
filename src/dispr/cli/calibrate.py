"""`dispr calibrate`: fit the intervals of all measures of a model's shapes."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("weights", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=None,
    help="File to write instead of changing WEIGHTS.",
)
@click.option(
    "--split", default="train", show_default=True, help="Part of the data: train or test."
)
@click.option(
    "--predictions",
    type=click.Path(path_type=Path),
    default=None,
    help="Shapes of these cells that the model has drawn already (dispr predict), instead of new "
    "ones.",
)
@click.option(
    "--ensemble",
    default=5,
    show_default=True,
    type=click.IntRange(2),
    help="Shapes to draw of each cell; the intervals are for ensembles of two to so many.",
)
@click.option(
    "--unrelated",
    multiple=True,
    metavar="DATA",
    help="Data that the model was trained on, under the name that its training was given, and "
    "which shares no cell with these, such as simulated ones. Can be repeated.",
)
@click.option("--seed", default=0, show_default=True, help="Of the samples.")
@click.option(
    "--jobs",
    default=None,
    type=click.IntRange(1),
    help="Processes to measure drawn shapes in. Default: all cores.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--precision", default="fp32", show_default=True, help="fp32, bf16, fp16 or auto.")
def command(
    weights: Path,
    data: Path,
    out: Path | None,
    split: str,
    predictions: Path | None,
    ensemble: int,
    unrelated: tuple[str, ...],
    seed: int,
    jobs: int | None,
    device: str,
    precision: str,
) -> None:
    """Fit the 90 % intervals of the model WEIGHTS to the cells of DATA that it was not trained on.

    dispr train sets such cells aside for validation: name the weights of a run and its data. The
    intervals, of all measures, are kept in the weights; predictions and tables of measures then
    state them.
    """
    from tqdm import tqdm

    from dispr.cells.folder import find_cells
    from dispr.cli.train import training_split
    from dispr.errors import ConfigError
    from dispr.model.weights import fingerprint, load_weights, save_weights
    from dispr.prediction.calibrate import calibrate, calibrate_folder, unseen, with_intervals
    from dispr.prediction.files import PredictionFolder
    from dispr.prediction.model import load

    model = load(weights, device, precision)
    found_cells = find_cells(data, split=training_split(data, split), need_obj=True)
    files, remarks = unseen(model, found_cells, unrelated)
    for remark in remarks:
        click.echo(remark)
    if predictions is None:
        with tqdm(total=len(files), unit="cell", leave=False) as bar:
            found = calibrate(model, files, ensemble=ensemble, seed=seed, on_progress=bar.update)
    else:
        if PredictionFolder(predictions).settings.get("model") != fingerprint(model.network):
            raise ConfigError(
                f"the shapes in {predictions} were drawn with other weights than {weights}."
            )
        objects = {file.name: file.obj for file in files if file.obj is not None}
        drawn = [name for name in PredictionFolder(predictions).names() if name in objects]
        with tqdm(total=len(drawn), unit="cell", leave=False) as bar:
            found = calibrate_folder(
                predictions, {n: objects[n] for n in drawn}, jobs=jobs, on_cell=bar.update
            )
    save_weights(out or weights, with_intervals(load_weights(weights), found))
    count = len(next(iter(found.rules.values())))
    click.echo(
        f"{found.level:.0%} intervals of {count} measures, {found.cells} cells: {out or weights}"
    )
