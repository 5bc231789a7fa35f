"""What is shown, as napari's layer data: arrays, settings, kind of layer; without napari itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dispr.labelled.field.place import FieldVolume
from dispr.napari_plugin.summary import summary_of
from dispr.surface.colours import STOPS
from dispr.surface.mesh import Mesh

LayerData = tuple[Any, dict[str, Any], str]
Row = Mapping[str, Any]

COLOURS = {
    "name": "DISPR spread",
    "colors": [(r / 255, g / 255, b / 255, 1.0) for r, g, b in STOPS],
}
"""From certain (blue) to uncertain (orange)."""

DISAGREEMENT = {
    "name": "DISPR disagreement",
    "colors": [(0.0, 0.0, 0.0, 1.0), *((r / 255, g / 255, b / 255, 1.0) for r, g, b in STOPS)],
}
"""The same, from black."""


@dataclass(frozen=True)
class World:
    """Where the pixels of a field lie in the viewer.

    Attributes
    ----------
    scale : float
        Edge of a pixel in the viewer's units.
    y, x : float
        Where the middle of the first pixel is.
    unit : str
        The unit, as napari calls it: "um" or "pixel", say.
    """

    scale: float = 1.0
    y: float = 0.0
    x: float = 0.0
    unit: str = "pixel"

    def plane(self) -> dict[str, Any]:
        """Give the settings that put an image (Y, X) into its place."""
        return {
            "scale": (self.scale,) * 2,
            "translate": (self.y, self.x),
            "units": (self.unit,) * 2,
        }

    def volume(self, focus: int) -> dict[str, Any]:
        """Give the settings that put a volume (Z, Y, X) of cubic voxels into its place.

        Parameters
        ----------
        focus : int
            The imaged plane: it comes to lie at 0, where napari draws 2D images.
        """
        return {
            "scale": (self.scale,) * 3,
            "translate": (-focus * self.scale, self.y, self.x),
            "units": (self.unit,) * 3,
        }


def labels_layer(
    volume: np.ndarray, rows: Sequence[Row], world: World, name: str, **settings: Any
) -> LayerData:
    """Show a label volume, with what is known of its cells.

    Parameters
    ----------
    volume : ndarray
        (Z, Y, X), labels in cubic voxels of a pixel's edge; the imaged plane is Z // 2.
    rows : sequence of mapping
        The table of the cells (`dispr.labelled.field.table.cell_row`). A short form becomes the
        features of the layer, which napari shows under the pointer; all of it is
        `metadata["table"]`.
    world : World
        Where the field lies.
    name : str
        Name of the layer.
    **settings
        Other settings of the layer.
    """
    known = {
        "name": name,
        "features": summary_of(rows),
        "metadata": {"table": [dict(row) for row in rows]},
        **world.volume(len(volume) // 2),
    }
    return volume, {**known, **settings}, "labels"


def surface_layer(
    meshes: Mapping[int, Mesh], edge: float, depth: int, world: World, name: str, **settings: Any
) -> LayerData | None:
    """Show the surfaces of all cells in one layer, coloured by where the samples differ.

    Parameters
    ----------
    meshes : mapping of int to Mesh
        By label: meshes at their places in the label volume
        (`dispr.labelled.field.meshes.placed_mesh`).
    edge : float
        Edge of a voxel of the label volume in the unit of the meshes.
    depth : int
        Planes of the label volume.
    world, name, **settings
        As for `labels_layer`.

    Returns
    -------
    LayerData or None
        The values of the surface are the spread in the unit of the meshes, 0 where it is not
        known; `metadata["first_vertex"]` says by label where a cell begins. None without meshes.
    """
    if not meshes:
        return None
    corners, faces, values, first = [], [], [], {}
    count = 0
    for label, mesh in meshes.items():
        first[label] = count
        corners.append(mesh.vertices[:, ::-1] / edge)
        # napari counts Z, Y, X, in which the same triangle turns the other way.
        faces.append(mesh.faces[:, ::-1] + count)
        values.append(np.zeros(len(mesh.vertices)) if mesh.spread is None else mesh.spread)
        count += len(mesh.vertices)
    spread = np.concatenate(values).astype(np.float32)
    unit = next(iter(meshes.values())).unit
    known = {
        "name": name,
        "colormap": COLOURS,
        "contrast_limits": (0.0, _top(spread)),
        "shading": "smooth",
        "metadata": {"first_vertex": first, "unit": "um" if unit == "um" else "pixel"},
        **world.volume(depth // 2),
    }
    data = (np.concatenate(corners).astype(np.float32), np.concatenate(faces), spread)
    return data, {**known, **settings}, "surface"


def disagreement_layer(volume: FieldVolume, world: World, name: str, **settings: Any) -> LayerData:
    """Show where the samples differ, voxel by voxel.

    Parameters
    ----------
    volume : FieldVolume
        The cells, with all that any sample has (`placed_likelihood`).
    world, name, **settings
        As for `labels_layer`.

    Returns
    -------
    LayerData
        (Z, Y, X) uint8: percent of the samples that contradict the others, 0 to 50.
    """
    percent = np.empty(volume.shape, np.uint8)
    for z, likely in enumerate(volume.likelihood_planes()):
        percent[z] = np.rint(100 * np.minimum(likely, 1 - likely))
    known = {
        "name": name,
        "colormap": DISAGREEMENT,
        "contrast_limits": (0, 50),
        "blending": "additive",
        **world.volume(volume.focus),
    }
    return percent, {**known, **settings}, "image"


def numbers_layer(rows: Sequence[Row], world: World, name: str, **settings: Any) -> LayerData:
    """Write the label of each cell upon it.

    Parameters
    ----------
    rows, world, name, **settings
        As for `labels_layer`.
    """
    middles = [(0.0, float(row["y_px"]), float(row["x_px"])) for row in rows]
    known = {
        "name": name,
        "features": {"label": [int(row["label"]) for row in rows]},
        # In front of all, for else the cells hide them.
        "text": {
            "string": "{label}",
            "color": "white",
            "size": 12,
            "blending": "translucent_no_depth",
        },
        "blending": "translucent_no_depth",
        "size": 0,
        **world.volume(0),
    }
    return np.array(middles).reshape(-1, 3), {**known, **settings}, "points"


def _top(spread: np.ndarray) -> float:
    """Give the value of the last colour: not that of the few oddest vertices."""
    return float(np.quantile(spread, 0.98)) or 1.0
