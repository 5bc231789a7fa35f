"""Files of meshes: STL, PLY, OBJ and GLB, which state their unit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from dispr.errors import ConfigError
from dispr.files import atomic_path
from dispr.surface.colours import colours_of

FORMATS = ("stl", "ply", "obj", "glb")
COLOURED = ("ply", "glb")
"""Those that hold the spread, too."""

STL_HEADER = 80


def write_mesh(
    path: str | os.PathLike[str],
    vertices: np.ndarray,
    faces: np.ndarray,
    unit: str,
    spread: np.ndarray | None = None,
) -> None:
    """Write a mesh in the format that the file's name says.

    Coordinates are float32 (OBJ: eight decimals) in the mesh's own unit, which stands in the header
    of STL, in a comment of PLY and OBJ, and in `asset.extras` of GLB. PLY and GLB also hold the
    spread of the ensemble, where there is one, as a property `spread` (GLB: `_SPREAD`) and as
    colours.

    Parameters
    ----------
    path
        Ends in one of .stl, .ply, .obj and .glb.
    vertices, faces, unit, spread
        As in `dispr.surface.mesh.Mesh`.

    Raises
    ------
    ConfigError
        If the name ends in something else.
    FileError
        If the file cannot be written.
    """
    import trimesh

    form = check_format(Path(path).suffix[1:], str(path))
    known: dict[str, Any] = {}
    if form in COLOURED and spread is not None:
        known["vertex_attributes"] = {"spread": spread.astype(np.float32)}
        known["vertex_colors"] = colours_of(spread)
    # Nothing is merged or mended: the mesh is whole as it is.
    mesh = trimesh.Trimesh(vertices, faces, process=False, **known)
    content = _ENCODERS[form](mesh, unit)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def check_format(name: str, path: str = "") -> str:
    """Give the name of a format in small letters.

    Raises
    ------
    ConfigError
        If it is none.
    """
    if name.lower() not in FORMATS:
        where = f" in {path}" if path else ""
        raise ConfigError(
            f'"{name}"{where} is not a supported mesh format; use one of {", ".join(FORMATS)}.'
        )
    return name.lower()


def _stl(mesh: Any, unit: str) -> bytes:
    header = f"binary STL by DISPR, unit: {unit}".encode().ljust(STL_HEADER)
    return header + bytes(mesh.export(file_type="stl"))[STL_HEADER:]


def _ply(mesh: Any, unit: str) -> bytes:
    head, rest = mesh.export(file_type="ply").split(b"\n", 1)
    form, body = rest.split(b"\n", 1)
    return b"\n".join([head, form, f"comment unit: {unit}".encode(), body])


def _obj(mesh: Any, unit: str) -> bytes:
    return str(mesh.export(file_type="obj", header=f"DISPR, unit: {unit}")).encode()


def _glb(mesh: Any, unit: str) -> bytes:
    def state(tree: dict[str, Any]) -> None:
        tree["asset"]["extras"] = {"unit": unit}

    return bytes(mesh.export(file_type="glb", tree_postprocessor=state))


_ENCODERS = {"stl": _stl, "ply": _ply, "obj": _obj, "glb": _glb}
