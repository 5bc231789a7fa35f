"""Read a field of view from its files, and find its cells."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from dispr.cells.frame import PUBLISHED, Frame
from dispr.cells.metadata import find_pixel_size, find_spacing
from dispr.errors import ConfigError, NoCellsError, as_file_errors
from dispr.images.read import opened_once
from dispr.labelled.channels import STACK, Taken, is_stack
from dispr.labelled.field.layers import Layers, numbered
from dispr.labelled.field.prepare import PreparedField, prepare_field, prepare_layers
from dispr.labelled.field.settings import FieldSettings
from dispr.labelled.find import FieldFiles
from dispr.labelled.read import checked_labels, jpeg_note, look_array, read_array, read_section
from dispr.labelled.regions import Regions, read_regions
from dispr.labelled.selection import PROJECTED, PROJECTION
from dispr.names import REGIONS


@opened_once()
def read_prepared(
    files: FieldFiles, settings: FieldSettings, trained: Frame | None = PUBLISHED
) -> PreparedField:
    """Read a field from its files and find its cells.

    Parameters
    ----------
    files : FieldFiles
        The field.
    settings : FieldSettings
        How it is taken apart.
    trained : Frame or None
        The frame that the model was trained on; None if it is not known.

    Raises
    ------
    FileError
        If a file cannot be read or does not hold what it should.
    NoCellsError
        If there is no cell to predict.
    ConfigError
        If a setting cannot be used.
    """
    labels = files.mask or files.labels
    outlined = labels is not None and labels.suffix.lower() in REGIONS
    given = None if labels is None or outlined else read_array(labels, "masks")
    if (
        files.labels is not None
        and given is not None
        and settings.plane is None
        and is_stack(*given, called=True)
        and is_stack(*look_array(files.image, "img", settings.which.scene))
    ):
        return _read_layers(files, files.labels, given, settings, trained)
    section = read_section(files.image, settings.which)
    with as_file_errors(but=(NoCellsError,)):
        found: np.ndarray | Regions | None = None
        if labels is not None and given is not None:
            found = checked_labels(*given, labels, section=section)
        elif labels is not None:
            found = read_regions(labels, files.image, section)
        field = prepare_field(
            section.array,
            found,
            single=files.mask is not None,
            pixel_size=find_pixel_size(
                files.image, labels, settings.pixel_size, settings.which.scene
            ),
            frame=settings.frame,
            trained=trained,
            name=files.name,
            image_name=str(files.image),
            labels_name=str(labels or files.image),
            caution=PROJECTED if section.which.plane == PROJECTION else "",
        )
    told = (
        plane_note(section, str(files.image)),
        jpeg_note(files.image, settings.which.scene),
    )
    notes = filter(None, (*told, *field.notes))
    return dataclasses.replace(field, which=section.which, notes=tuple(notes))


def _read_layers(
    files: FieldFiles,
    labels: Path,
    given: tuple[Any, str],
    settings: FieldSettings,
    trained: Frame | None,
) -> PreparedField:
    """Read a stack whose cells are labelled in some of its planes; `given` is of its labels."""
    if settings.pixel_size is not None and settings.voxel_size is None:
        raise ConfigError(
            f"{files.image} and {labels} are stacks of planes; give --voxel-size Z,Y,X in um "
            "instead of --pixel-size."
        )
    stack = read_section(files.image, settings.which, STACK)
    spacing = find_spacing(files.image, labels, settings.voxel_size, settings.which.scene)
    with as_file_errors(but=(NoCellsError,)):
        numbers = numbered(checked_labels(*given, labels, STACK), str(labels))
        layers = Layers(stack.array, numbers, spacing, str(files.image), str(labels))
        field = prepare_layers(
            layers,
            frame=settings.frame,
            trained=trained,
            name=files.name,
            labels_name=str(labels),
        )
    count = sum(len(planes) for planes in layers.planes.values()) / len(layers.planes)
    told = (
        *filter(None, [jpeg_note(files.image, settings.which.scene)]),
        f"{labels} labels {len(layers.planes)} cells in {count:.3g} planes each on average: the "
        "middle one is the section of a cell, and every shape holds the others.",
    )
    which = dataclasses.replace(stack.which, plane=layers.focus)
    return dataclasses.replace(field, which=which, notes=(*told, *field.notes))


def plane_note(section: Taken, name: str) -> str:
    """Say which of several planes was used; empty where there is one."""
    plane = section.which.plane
    if section.planes == 1:
        return ""
    if plane == PROJECTION:
        return f"{name} has {section.planes} planes; their maximum projection was used."
    return f"{name} has {section.planes} planes; plane {plane}, counted from 0, was used."
