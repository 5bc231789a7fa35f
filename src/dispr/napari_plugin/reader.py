"""Open folders that `dispr predict` wrote, of fields of view or of single cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from dispr.errors import DisprError
from dispr.labelled.field.folder import RECORD, TABLE
from dispr.labelled.field.written import read_field_record
from dispr.napari_plugin.layers import LayerData
from dispr.napari_plugin.read_cells import read_cells_folder
from dispr.napari_plugin.read_field import read_field_folder
from dispr.prediction.files import SETTINGS, PredictionFolder, is_prediction
from dispr.prediction.files import TABLE as PREDICTIONS

PathOrPaths = str | Sequence[str]
Reader = Callable[[PathOrPaths], list[LayerData]]


def get_reader(path: PathOrPaths) -> Reader | None:
    """Give the function that reads a path, or None for what is not a folder of predictions.

    Parameters
    ----------
    path : str or sequence of str
        What a user opened in napari or dropped on it.
    """
    return read_folders if all(_is_ours(folder) for folder in _folders(path)) else None


def read_folders(path: PathOrPaths) -> list[LayerData]:
    """Read folders of predictions.

    Raises
    ------
    FileError
        If a file is missing or damaged.
    """
    return [
        layer
        for folder in _folders(path)
        for layer in (read_field_folder if _is_field(folder) else read_cells_folder)(folder)
    ]


def _folders(path: PathOrPaths) -> list[Path]:
    """Give the folders that are meant by paths: their own, or that of one of our records."""
    paths = [Path(path)] if isinstance(path, str) else [Path(one) for one in path]
    return [one.parent if one.name in (RECORD, SETTINGS) else one for one in paths]


def _is_ours(folder: Path) -> bool:
    """Tell whether a path is a folder of predictions, without reading much."""
    if not folder.is_dir():
        return False
    if _is_field(folder):
        return True
    return is_prediction(folder) and not PredictionFolder(folder).shapes.is_empty()


def _is_field(folder: Path) -> bool:
    if not ((folder / RECORD).is_file() and (folder / TABLE).is_file()):
        return False
    try:
        return "field" in read_field_record(folder)
    except DisprError:
        return (folder / PREDICTIONS).is_file()  # a damaged one, to be told when it is opened
