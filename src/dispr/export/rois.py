"""The predicted cells of a field as regions of ImageJ: an outline in each plane, for Fiji."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from dispr.errors import ConfigError, FileError
from dispr.files import atomic_path
from dispr.labelled.channels import STACK
from dispr.labelled.field.volume import FORMATS, written_volume
from dispr.labelled.field.written import read_field_rows
from dispr.labelled.locate import label_boxes
from dispr.labelled.read import read_labels
from dispr.packages import roifile_package

SUFFIX = ".zip"

GROUPS = 255
"""Groups of ImageJ, which gives each a colour."""


def write_rois(field: Path, out: Path) -> tuple[int, int]:
    """Write the label volume of a field as regions for the ROI Manager of ImageJ and Fiji.

    Parameters
    ----------
    field : Path
        Folder that `dispr predict` wrote for a field of view, with its label volume.
    out : Path
        File to write, which ends in .zip. Regions are called NAME_PLANE, planes counted from 1 as
        in ImageJ, and belong to their plane of the label volume; the regions of a cell are a group.
        A region has exactly the pixels of its cell in this plane.

    Returns
    -------
    cells, regions : int
        How many were written.

    Raises
    ------
    FileError
        If the folder is no field, has no label volume, or a file cannot be read or written.
    ConfigError
        If the file is not called .zip, or `roifile` is not installed.
    """
    if out.suffix.lower() != SUFFIX:
        raise ConfigError(f"{out} must end in {SUFFIX}; regions of ImageJ are kept in an archive.")
    roifile = roifile_package()
    path = written_volume(field)
    if path is None:
        raise FileError(
            f"{field} has no label volume ({', '.join(FORMATS.values())}); give the output folder "
            "of dispr predict of one field of view, without --volume none."
        )
    volume = read_labels(path, STACK)
    names = {int(row["label"]): row["name"] for row in read_field_rows(field)}
    cells, count = 0, 0
    with (
        atomic_path(out) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for label, box in label_boxes(volume):
            name = names.get(label, f"cell_{label}")
            cells += 1
            for plane in range(box[0].start, box[0].stop):
                inside = volume[plane][box[1:]] == label
                if not inside.any():
                    continue
                corner = (box[2].start, box[1].start)
                region = _region(roifile, inside, corner, plane, f"{name}_{plane + 1:04d}")
                region.group = (label - 1) % GROUPS + 1
                archive.writestr(_entry(f"{region.name}.roi"), region.tobytes())
                count += 1
    return cells, count


def _region(
    roifile: Any, inside: np.ndarray, corner: tuple[int, int], plane: int, name: str
) -> Any:
    """Make a region of the pixels of a plane: a polygon, or several where there are holes."""
    from skimage.measure import find_contours

    padded = np.pad(inside, 1).astype(np.float32)
    # From the centres of pixels, and the margin, to the corner of the image.
    rings = [ring[:, ::-1] - 0.5 + corner for ring in find_contours(padded, 0.5)]
    if len(rings) == 1:
        region = roifile.ImagejRoi.frompoints(rings[0][:-1], name=name)
    else:
        path: list[float] = []
        for ring in rings:
            for k, (x, y) in enumerate(ring[:-1]):
                path += [0.0 if k == 0 else 1.0, x, y]
            path.append(4.0)
        corners = np.concatenate(rings)
        left, top = (int(v) for v in np.floor(corners.min(axis=0)))
        right, bottom = (int(v) for v in np.ceil(corners.max(axis=0)))
        box = {"left": left, "top": top, "right": right, "bottom": bottom}
        region = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, version=228, name=name, **box)
        region.multi_coordinates = np.array(path, np.float32)
        region.shape_roi_size = len(path)
    region.position = plane + 1
    return region


def _entry(name: str) -> zipfile.ZipInfo:
    """Name a file of the archive, without the time, so that equal regions are equal files."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry
