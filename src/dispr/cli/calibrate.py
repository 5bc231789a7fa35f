"""`dispr calibrate`: fit the intervals of all measures of a model's shapes."""

from __future__ import annotations

from pathlib import Path

import click

from dispr.cli.options import device_options, jobs_option, out_option, split_option
from dispr.cli.progress import Bars
from dispr.cli.say import note, result


@click.command()
@click.argument("weights", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@out_option("File to write instead of changing WEIGHTS.", required=False)
@split_option("Part of the data.", default="train", show_default=True)
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
@jobs_option()
@device_options()
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
        note(remark)
    if predictions is None:
        with Bars() as bars:
            found = calibrate(model, files, ensemble=ensemble, seed=seed, progress=bars)
    else:
        folder = PredictionFolder(predictions)
        if folder.settings.get("model") != fingerprint(model.network):
            raise ConfigError(
                f"the shapes in {predictions} were drawn with other weights than {weights}."
            )
        objects = {file.name: file.obj for file in files if file.obj is not None}
        chosen = {name: objects[name] for name in folder.names() if name in objects}
        with Bars() as bars:
            found = calibrate_folder(predictions, chosen, jobs=jobs, progress=bars)
    written = out or weights
    save_weights(written, with_intervals(load_weights(weights), found))
    measures = len(next(iter(found.rules.values())))
    result(
        f"{found.level:.0%} intervals of {measures} measures, {found.cells} cells: {written}",
        level=found.level,
        measures=measures,
        cells=found.cells,
        weights=written,
    )
