"""Put a bill of materials into the wheel: what DISPR needs at run time, and the weights inside.

It is CycloneDX 1.7, in `dispr-VERSION.dist-info/sboms` (PEP 770). It holds no time and no path, so
the same source gives the same file.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import uuid
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

WEIGHTS = "src/dispr/weights"
KINDS = {".safetensors": "machine-learning-model", ".json": "data"}
"""What the files among the weights are, in terms of CycloneDX."""


def versions(requirement: Requirement) -> str:
    """Write the range of a requirement as `vers` does, which has no wildcards.

    https://github.com/package-url/vers-spec

    Raises
    ------
    ValueError
        If it has another bound than `>=1.2` or `!=1.2.*`.
    """
    bounds: list[tuple[Version, str]] = []
    for part in requirement.specifier:
        if part.operator == ">=":
            bounds.append((Version(part.version), ">="))
        elif part.operator == "!=" and part.version.endswith(".*"):
            *first, last = part.version.removesuffix(".*").split(".")
            following = ".".join([*first, str(int(last) + 1)])
            bounds.append((Version(f"{part.version.removesuffix('.*')}.dev0"), "<"))
            bounds.append((Version(f"{following}.dev0"), ">="))
        else:
            raise ValueError(f"the bill of materials cannot state {requirement}")
    return "vers:pypi/" + "|".join(f"{mark}{version}" for version, mark in sorted(bounds))


def library(requirement: Requirement) -> dict[str, Any]:
    """Describe a dependency: not in the wheel, but installed with it."""
    name = canonicalize_name(requirement.name)
    return {
        "type": "library",
        "bom-ref": f"pkg:pypi/{name}",
        "name": name,
        "purl": f"pkg:pypi/{name}",
        "scope": "required",
        "isExternal": True,
        "versionRange": versions(requirement),
    }


def weights_file(path: Path) -> dict[str, Any]:
    """Describe a file of the weights by its checksum."""
    return {
        "type": KINDS[path.suffix],
        "bom-ref": f"dispr/weights/{path.name}",
        "name": f"dispr/weights/{path.name}",
        "licenses": [{"license": {"id": "Apache-2.0"}}],
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
    }


def bill(root: Path, name: str, version: str, requirements: list[str]) -> dict[str, Any]:
    """Give the bill of materials of a version.

    Parameters
    ----------
    root : Path
        Root of the source.
    name, version : str
        Of the package.
    requirements : list of str
        Its dependencies at run time, without extras.
    """
    parsed = sorted(map(Requirement, requirements), key=lambda r: canonicalize_name(r.name))
    files = [path for path in sorted((root / WEIGHTS).iterdir()) if path.suffix in KINDS]
    components = [*map(library, parsed), *map(weights_file, files)]
    package = f"pkg:pypi/{canonicalize_name(name)}@{version}"
    content: dict[str, Any] = {
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": package,
                "name": name,
                "version": version,
                "purl": package,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": components,
        "dependencies": [{"ref": package, "dependsOn": [c["bom-ref"] for c in components]}],
    }
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(content, sort_keys=True))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": f"urn:uuid:{number}",
        "version": 1,
        **content,
    }


class SbomHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the bill to the wheel while it is built."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write it to a temporary folder."""
        metadata = self.metadata
        content = bill(
            Path(self.root), metadata.core.name, metadata.version, metadata.core.dependencies
        )
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "dispr.cdx.json"
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        build_data["sbom_files"].append(str(path))

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the folder: the wheel is written."""
        self.folder.cleanup()
