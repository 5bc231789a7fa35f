"""What is chosen for a field: which section of its files, what is drawn, and what is written."""

from __future__ import annotations

from dataclasses import dataclass

from dispr.labelled.field.meshes import check_meshes
from dispr.labelled.field.volume import check_format
from dispr.labelled.selection import Selection
from dispr.prediction.settings import PredictionSettings


@dataclass(frozen=True)
class FieldSettings(PredictionSettings):
    """What is chosen for a field, beside `PredictionSettings`.

    Attributes
    ----------
    channel, plane, time, scene : optional
        Which section of images that have several (`dispr.labelled.selection.Selection`).
    voxel_size : tuple of float, optional
        Edges of a voxel along Z, Y and X in um, of a stack with labels in several planes.
    volume : "tif", "zarr" or "none"
        Format of the label volume.
    ome_zarr_version : "0.5" or "0.4", optional
        Version of OME-Zarr of the volume "zarr"; 0.5 if not given.
    meshes : "glb", "ply", "obj", "stl" or "none"
        Format of the meshes.
    measures : bool
        Measure the shapes; without, the table has their volumes alone, and is done sooner.
    """

    channel: int | str | None = None
    plane: int | str | None = None
    time: int | None = None
    scene: int | str | None = None
    voxel_size: tuple[float, ...] | None = None
    volume: str = "tif"
    ome_zarr_version: str | None = None
    meshes: str = "glb"
    measures: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.which  # noqa: B018 (refuses what is no choice)
        check_meshes(self.meshes)
        if self.volume != "none" or self.ome_zarr_version is not None:
            check_format(self.volume, self.ome_zarr_version)

    @property
    def which(self) -> Selection:
        """Which section of images that have several."""
        return Selection(self.channel, self.plane, self.time, self.scene)
