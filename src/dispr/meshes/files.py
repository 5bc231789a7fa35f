"""Files of meshes: STL, PLY, OBJ and GLB, which state their unit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from dispr.errors import ConfigError
from dispr.files import atomic_path
from dispr.meshes.colours import colours_of
from dispr.meshes.mesh import Mesh

FORMATS = ("stl", "ply", "obj", "glb")
COLOURED = ("ply", "glb")
"""Those that hold the spread, too."""

STL_HEADER = 80


def write_mesh(path: str | os.PathLike[str], mesh: Mesh) -> None:
    """Write a mesh in the format that the file's name says.

    Coordinates are float32 (OBJ: eight decimals) in the mesh's own unit, which stands in the header
    of STL, in a comment of PLY and OBJ, and in `asset.extras` of GLB. PLY and GLB also hold the
    spread of the ensemble, where there is one, as a property `spread` (GLB: `_SPREAD`) and as
    colours.

    Raises
    ------
    ConfigError
        If the name ends in none of .stl, .ply, .obj and .glb.
    FileError
        If the file cannot be written.
    """
    content = encode_mesh(mesh, check_format(Path(path).suffix[1:], str(path)))
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
            f'"{name}"{where} is no format of meshes; use one of {", ".join(FORMATS)}.'
        )
    return name.lower()


def encode_mesh(mesh: Mesh, form: str) -> bytes:
    """Give the content of a mesh's file in one of `FORMATS`."""
    return _ENCODERS[form](_trimesh(mesh, coloured=form in COLOURED), mesh.unit)


def _trimesh(mesh: Mesh, coloured: bool) -> Any:
    import trimesh

    known: dict[str, Any] = {}
    if coloured and mesh.spread is not None:
        known["vertex_attributes"] = {"spread": mesh.spread.astype(np.float32)}
        known["vertex_colors"] = colours_of(mesh.spread)
    # Nothing is merged or mended: the mesh is whole as it is.
    return trimesh.Trimesh(mesh.vertices, mesh.faces, process=False, **known)


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
