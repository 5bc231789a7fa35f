"""`dispr calibrate`: fit a model's intervals of volume and surface."""

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
    "--unrelated",
    multiple=True,
    metavar="DATA",
    help="Data that the model was trained on, under the name that its training was given, and "
    "which shares no cell with these, such as simulated ones. Can be repeated.",
)
@click.option("--seed", default=0, show_default=True, help="Of the samples.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--precision", default="fp32", show_default=True, help="fp32, bf16, fp16 or auto.")
def command(
    weights: Path,
    data: Path,
    out: Path | None,
    split: str,
    unrelated: tuple[str, ...],
    seed: int,
    device: str,
    precision: str,
) -> None:
    """Fit the 90 % intervals of the model WEIGHTS to the cells of DATA that it was not trained on.

    dispr train sets such cells aside for validation: name the weights of a run and its data. The
    calibration is kept in the weights; predictions then state intervals of volume and surface.
    """
    import dataclasses

    from tqdm import tqdm

    from dispr.cells.folder import find_cells
    from dispr.cli.train import training_split
    from dispr.model.weights import load_weights, save_weights
    from dispr.prediction.calibrate import calibrate, unseen
    from dispr.prediction.model import load

    model = load(weights, device, precision)
    found_cells = find_cells(data, split=training_split(data, split), need_obj=True)
    files, remarks = unseen(model, found_cells, unrelated)
    for remark in remarks:
        click.echo(remark)
    with tqdm(total=len(files), unit="cell", leave=False) as bar:
        found = calibrate(model, files, seed=seed, on_progress=bar.update)
    before = load_weights(weights)
    config = dataclasses.replace(before.config, calibration=found)
    save_weights(out or weights, dataclasses.replace(before, config=config))
    click.echo(
        f"{found.level:.0%} intervals from {found.cells} cells: volume times or by "
        f"exp({found.volume_scale:.2f} sqrt(s^2 + {found.volume_floor:.3f}^2)), surface times or "
        f"by exp({found.surface_scale:.2f} sqrt(s^2 + {found.surface_floor:.3f}^2)): "
        f"{out or weights}"
    )
