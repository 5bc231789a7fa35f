"""Write the label volume of a field as OME-TIFF or OME-Zarr."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dispr.arguments import one_of
from dispr.errors import ConfigError
from dispr.files import atomic_folder, atomic_path
from dispr.labelled.field.place import FieldVolume
from dispr.packages import zarr_package

FORMATS = {"tif": "labels.ome.tif", "zarr": "labels.ome.zarr"}
"""Formats of the volume and the names of their files."""

OME_ZARR = ("0.5", "0.4")
"""Versions of OME-Zarr that are written, by preference."""

AXES = "zyx"


def written_volume(folder: Path) -> Path | None:
    """Find the label volume that was written to a folder, of either format."""
    paths = (folder / name for name in FORMATS.values())
    return next((path for path in paths if path.exists()), None)


def check_format(form: str, ome_zarr_version: str | None = None) -> None:
    """Refuse a format that cannot be written, before anything is computed.

    Parameters
    ----------
    form : str
        Format.
    ome_zarr_version : str, optional
        Version of OME-Zarr, for this format alone.

    Raises
    ------
    ConfigError
        If there is no such format or version, or its package is not installed.
    """
    if ome_zarr_version is not None:
        one_of(ome_zarr_version, OME_ZARR, "the version of OME-Zarr")
        if form != "zarr":
            raise ConfigError(
                f"--ome-zarr-version is for --volume zarr, not {form}; add --volume zarr, or omit "
                "--ome-zarr-version."
            )
    one_of(form, FORMATS, "the format of the volume")
    if form == "zarr":
        _zarr_package()


def write_volume(
    folder: Path,
    volume: FieldVolume,
    form: str = "tif",
    pixel_size: float | None = None,
    on_plane: Callable[[], Any] | None = None,
    ome_zarr_version: str | None = None,
) -> Path:
    """Write a label volume, all or nothing.

    Parameters
    ----------
    folder : Path
        Where `labels.ome.tif` or `labels.ome.zarr` is written.
    volume : FieldVolume
        The volume, made plane by plane.
    form : "tif" or "zarr"
        Format.
    pixel_size : float, optional
        Edge of a voxel in um.
    on_plane : callable, optional
        Called after each plane.
    ome_zarr_version : "0.5" or "0.4", optional
        Version of OME-Zarr: 0.5 if not given, which takes version 3 of Zarr; 0.4 for programs that
        read version 2 only.

    Returns
    -------
    Path
        What was written.

    Raises
    ------
    ConfigError
        If the format or version is none, or its package is not installed.
    FileError
        If the volume cannot be written.
    """
    check_format(form, ome_zarr_version)
    path = folder / FORMATS[form]
    if form == "tif":
        _write_tiff(path, volume, volume.planes(on_plane), pixel_size)
    else:
        version = ome_zarr_version or OME_ZARR[0]
        _write_zarr(path, volume, volume.planes(on_plane), pixel_size, version)
    return path


def _write_tiff(
    path: Path, volume: FieldVolume, planes: Iterator[np.ndarray], pixel_size: float | None
) -> None:
    import tifffile

    about: dict[str, Any] = {
        "axes": "ZYX",
        "Name": "labels",
        "UUID": str(uuid.UUID(int=0)),
        "Description": f"Plane {volume.focus} is the imaged section (the first plane is 0).",
    }
    if pixel_size is not None:
        for axis in "XYZ":
            about |= {f"PhysicalSize{axis}": pixel_size, f"PhysicalSize{axis}Unit": "µm"}
    size = int(np.prod(volume.shape, dtype=np.int64)) * volume.dtype.itemsize
    digest = hashlib.sha256()
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            _digested(planes, digest),
            shape=volume.shape,
            dtype=volume.dtype,
            ome=True,
            bigtiff=size > 2**32 - 2**25,
            compression="zlib",
            metadata=about,
            maxworkers=1,
        )
        # Not tifffile's, which is of the machine and the moment: equal volumes are equal files.
        own = uuid.UUID(bytes=digest.digest()[:16], version=5)
        comment = str(tifffile.tiffcomment(temporary)).replace(about["UUID"], str(own))
        tifffile.tiffcomment(temporary, comment.encode())


def _digested(planes: Iterator[np.ndarray], digest: Any) -> Iterator[np.ndarray]:
    for plane in planes:
        digest.update(plane.tobytes())
        yield plane


def _write_zarr(
    path: Path,
    volume: FieldVolume,
    planes: Iterator[np.ndarray],
    pixel_size: float | None,
    version: str,
) -> None:
    """Write OME-NGFF, a group with one label array of one resolution.

    Version 0.5 (https://ngff.openmicroscopy.org/0.5) is in Zarr 3, where axes have names, and
    version 0.4 in Zarr 2.
    """
    zarr = _zarr_package()
    form: dict[str, Any] = (
        {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
        if version == "0.4"
        else {"dimension_names": list(AXES)}
    )
    with atomic_folder(path) as temporary:
        group = zarr.open_group(str(temporary), mode="w", zarr_format=2 if version == "0.4" else 3)
        array = group.create_array(
            "0",
            shape=volume.shape,
            chunks=(1, *(min(n, 1024) for n in volume.shape[1:])),
            dtype=volume.dtype,
            **form,
        )
        for z, plane in enumerate(planes):
            array[z] = plane
        group.attrs.update(_ngff(volume, pixel_size, version))


def _ngff(volume: FieldVolume, pixel_size: float | None, version: str) -> dict[str, Any]:
    unit = {} if pixel_size is None else {"unit": "micrometer"}
    scale = [1.0 if pixel_size is None else pixel_size] * 3
    image = {
        "name": "labels",
        "axes": [{"name": axis, "type": "space", **unit} for axis in AXES],
        "datasets": [
            {
                "path": "0",
                "coordinateTransformations": [{"type": "scale", "scale": scale}],
            }
        ],
        "metadata": {"imaged_plane": volume.focus},
    }
    if version == "0.4":
        stated = {"version": version}
        return {"multiscales": [{**stated, **image}], "image-label": stated}
    return {"ome": {"version": version, "multiscales": [image], "image-label": {}}}


def _zarr_package() -> Any:
    return zarr_package("OME-Zarr", ", or use --volume tif")
