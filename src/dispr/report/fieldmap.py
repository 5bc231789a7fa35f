"""The field of view that cells are from: its image, small, and the outlines of its cells."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dispr.errors import DisprError
from dispr.labelled.field.folder import LABELS, RECORD
from dispr.labelled.field.written import read_field_record, read_field_rows
from dispr.labelled.locate import label_boxes
from dispr.labelled.read import read_image, read_labels
from dispr.labelled.selection import recorded

MOST_PIXELS = 1024
"""Longest side of the image that is shown, in its pixels."""

STRETCH = (1.0, 99.8)
"""Percentiles of the grey values that are shown black and white."""


def field_map(predictions: Path) -> dict[str, Any] | None:
    """Give what a map of a field of view shows.

    Parameters
    ----------
    predictions : Path
        Folder that `dispr predict` wrote.

    Returns
    -------
    dict or None
        `width` and `height` in pixels of the field, `step`, of which a pixel of the image has so
        many; `image`, a PNG as a data address, or None where
        the image cannot be read any more; `cells`, by name the `label` and the `outline`, x and y
        of its corners in turn, in pixels. None if the cells are from no field.
    """
    if not (predictions / RECORD).is_file() or not (predictions / LABELS).is_file():
        return None
    record = read_field_record(predictions)
    labels = read_labels(predictions / LABELS)
    height, width = labels.shape
    step = max(1, -(-max(labels.shape) // MOST_PIXELS))
    names = {int(row["label"]): row["name"] for row in read_field_rows(predictions)}
    cells = {}
    for label, box in label_boxes(labels):
        if label in names:
            cells[names[label]] = {"label": label, "outline": outline(labels, label, box, step)}
    picture = None
    try:
        image = read_image(predictions / str(record.get("image")), recorded(record))
        if image.shape == labels.shape:
            picture = small_picture(image, step)
    except (DisprError, TypeError):
        pass  # moved since; the outlines are shown without it
    return {"width": width, "height": height, "step": step, "image": picture, "cells": cells}


def outline(labels: np.ndarray, label: int, box: tuple[slice, ...], step: int) -> list[float]:
    """Give the corners of the longest outline of a cell, x and y in turn, in pixels."""
    from skimage.measure import approximate_polygon, find_contours

    inside = np.pad(labels[box] == label, 1)
    longest = max(find_contours(inside.astype(np.float32), 0.5), key=len)
    corners = approximate_polygon(longest, 0.4 * step)[:-1] - 1
    corners += [part.start for part in box]
    return [round(float(value), 1) for corner in corners for value in corner[::-1]]


def small_picture(image: np.ndarray, step: int) -> str:
    """Give an image as a PNG of 8 bits: the means of blocks of pixels, their grey stretched."""
    grey = image.astype(np.float32)
    whole = np.pad(grey, [(0, -length % step) for length in grey.shape], mode="edge")
    rows, columns = (length // step for length in whole.shape)
    small = whole.reshape(rows, step, columns, step).mean(axis=(1, 3))
    low, high = np.percentile(small, STRETCH)
    shown = np.clip((small - low) / max(float(high - low), 1e-9), 0, 1)
    content = io.BytesIO()
    Image.fromarray((shown * 255).astype(np.uint8)).save(content, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()
