"""Describe a data set of cells for machine learning: Croissant metadata beside its files."""

from __future__ import annotations

import csv
import datetime
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispr.cells.classes import parse_name
from dispr.cells.folder import KINDS, SPLITS, CellFiles, find_cells
from dispr.description import describe, media_type
from dispr.errors import ConfigError
from dispr.files import atomic_path
from dispr.labelled.stack.manifest import MANIFEST, NUMBERS, read_manifest

CROISSANT = "croissant.json"
VERSION = "http://mlcommons.org/croissant/1.0"

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{name: f"cr:{name}" for name in ("citeAs", "column", "equivalentProperty", "extract")},
    **{name: f"cr:{name}" for name in ("field", "fileProperty", "fileObject", "fileSet")},
    **{name: f"cr:{name}" for name in ("format", "includes", "isLiveDataset", "jsonPath", "key")},
    **{name: f"cr:{name}" for name in ("md5", "parentField", "path", "recordSet", "references")},
    **{name: f"cr:{name}" for name in ("regex", "repeated", "replace", "samplingRate")},
    **{name: f"cr:{name}" for name in ("separator", "source", "subField", "transform")},
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "sc": "https://schema.org/",
}
"""The words of Croissant 1.0, as its specification lists them."""

ABOUT = {
    "image": "Sections through the middle of the cells, (Y, X)",
    "mask": "Segmentation of the sections, (Y, X): 0 outside, 255 inside",
    "obj": "3D cells, (Z, Y, X) = (64, 64, 64), uint8: 255 inside, grey at the border, 0 outside; "
    "plane 32, counted from 0, is the mask",
}
"""What the files of a kind are."""

COLUMNS = {
    "name": "Name of the cell, that of its files.",
    "split": "Part of the data set: train or test.",
    "group": "Group of cells, such as a treatment.",
    "class": "Class of the cell, if its name states it.",
    **{kind: f"Path of a file. {text}." for kind, text in ABOUT.items()},
}
"""What is listed of each cell."""

KEY = ("split", "name")
"""Columns that tell cells of the same name apart."""

WHOLE = ("label", "pieces", "plane")
"""Columns of the manifest that hold whole numbers."""

Node = dict[str, Any]


@dataclass(frozen=True)
class Publication:
    """What only the owner of a data set can say of it.

    Attributes
    ----------
    name, description : str
        Of the data set; by default the name of its folder, and what it holds.
    license, url, citation, published : str
        Its licence (https://spdx.org/licenses), its page, how to cite it, and the date of its
        publication, YYYY-MM-DD.
    creators : sequence of str
        Who made it.
    version : str
        Its version.
    """

    name: str = ""
    description: str = ""
    license: str = ""
    url: str = ""
    citation: str = ""
    published: str = ""
    creators: Sequence[str] = ()
    version: str = "1.0.0"

    def __post_init__(self) -> None:
        try:
            given = self.published and datetime.date.fromisoformat(self.published).isoformat()
        except ValueError:
            given = None
        if given != self.published:
            raise ConfigError(
                f'the date of publication must be YYYY-MM-DD, such as 2026-11-27, not "'
                f'{self.published}".'
            )

    @property
    def lacking(self) -> list[str]:
        """Name what Croissant asks for and is not given."""
        asked = {
            "--license": self.license,
            "--creator": self.creators,
            "--url": self.url,
            "--published": self.published,
            "--citation": self.citation,
        }
        return [option for option, value in asked.items() if not value]


def write_croissant(data: Path, about: Publication | None = None) -> tuple[Path, list[CellFiles]]:
    """Describe a data set in `croissant.json`, by Croissant 1.0 (https://docs.mlcommons.org/croissant).

    It describes the folders of images, masks and 3D cells of each part; the tables and records,
    with their size and SHA-256; each cell with its part, class and files; and the columns of
    `manifest.csv`.

    Parameters
    ----------
    data : Path
        Data set of single cells, in parts or not.
    about : Publication, optional
        What its owner says of it.

    Returns
    -------
    path : Path
        The file.
    cells : list of CellFiles
        What it describes.

    Raises
    ------
    FileError
        If the folder is no data set, a file cannot be read, or the description not written.
    """
    about = Publication() if about is None else about
    cells = find_cells(data)
    sets = _file_sets(data, cells)
    tables = sorted(p for p in data.iterdir() if _is_table(p))
    path = data / CROISSANT
    stated = {
        "license": about.license,
        "url": about.url,
        "citeAs": about.citation,
        "datePublished": about.published,
        "creator": [{"@type": "Person", "name": name} for name in about.creators],
    }
    content = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": VERSION,
        "name": about.name or data.resolve().name,
        "description": about.description or _description(cells),
        "version": about.version,
        **{key: value for key, value in stated.items() if value},
        "distribution": [*map(_file, tables), *sets],
        "recordSet": [_cells(data, cells), *_manifest(data)],
    }
    # Not in the checksums of the folder, which it describes.
    with atomic_path(path, recorded=False) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return path, cells


def _is_table(path: Path) -> bool:
    hidden = path.name.startswith(".")
    known = path.suffix.lower() in (".csv", ".json", ".txt")
    return path.is_file() and known and not hidden and path.name != CROISSANT


def _description(cells: Sequence[CellFiles]) -> str:
    counts = Counter(cell.split for cell in cells)
    words = {"train": "for training", "test": "for testing", None: "in one part"}
    numbers = ", ".join(f"{counts[part]} {words[part]}" for part in (*SPLITS, None) if counts[part])
    solid = " and their 3D shapes" if any(cell.obj for cell in cells) else ""
    return (
        f"Sections of {len(cells)} single cells ({numbers}), with masks{solid}. The names of files "
        "are the same in each folder. TIFF files state the size of their pixels or voxels, where "
        "it is known, as ImageJ does."
    )


def _file(path: Path) -> Node:
    found = describe(path)
    return {
        "@type": "cr:FileObject",
        "@id": path.name,
        "name": path.name,
        "contentUrl": path.name,
        "contentSize": f"{found.size} B",
        "encodingFormat": found.media_type,
        "sha256": found.sha256,
    }


def _file_sets(data: Path, cells: Sequence[CellFiles]) -> list[Node]:
    """Describe the folders of files, in order of their paths."""
    folders: dict[Path, tuple[str, set[str]]] = {}
    for cell in cells:
        for kind in KINDS:
            path: Path | None = getattr(cell, kind)
            if path is not None:
                folders.setdefault(path.parent, (kind, set()))[1].add(path.suffix)
    found = []
    for folder, (kind, suffixes) in sorted(folders.items()):
        place = folder.relative_to(data).as_posix()
        formats = sorted({media_type(suffix) for suffix in suffixes})
        found.append(
            {
                "@type": "cr:FileSet",
                "@id": place.replace("/", "-"),
                "name": place,
                "description": f"{ABOUT[kind]}.",
                "encodingFormat": formats[0] if len(formats) == 1 else formats,
                "includes": [f"{place}/*{suffix}" for suffix in sorted(suffixes)],
            }
        )
    return found


def _cells(data: Path, cells: Sequence[CellFiles]) -> Node:
    """List the cells with the paths of their files.

    The pixels are no part of the records, since readers of Croissant take TIFF files for pictures:
    mlcroissant 1.1 multiplies their values by 255, and cannot read 3D ones.
    """
    rows = [
        {
            "name": cell.name,
            "split": cell.split or "",
            "group": cell.group,
            "class": parse_name(cell.name).cell_class or "",
            **{
                kind: "" if path is None else path.relative_to(data).as_posix()
                for kind in KINDS
                for path in [getattr(cell, kind)]
            },
        }
        for cell in cells
    ]
    used = [column for column in COLUMNS if any(row[column] for row in rows)]
    return {
        "@type": "cr:RecordSet",
        "@id": "cells",
        "name": "cells",
        "description": "The cells, with the paths of their files as seen from this description.",
        "key": {"@id": "cells/name"} if _unique(rows) else [{"@id": f"cells/{c}"} for c in KEY],
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"cells/{column}",
                "name": column,
                "description": COLUMNS[column],
                "dataType": "sc:Text",
            }
            for column in used
        ],
        "data": [{f"cells/{column}": row[column] for column in used} for row in rows],
    }


def _unique(rows: Sequence[Mapping[str, str]]) -> bool:
    return len({row["name"] for row in rows}) == len(rows)


def _manifest(data: Path) -> Iterator[Node]:
    """Describe the table of `dispr prepare`, where there is one."""
    if not read_manifest(data):  # which refuses a damaged one
        return
    with (data / MANIFEST).open(newline="", encoding="utf-8") as file:
        columns = next(csv.reader(file))
    yield {
        "@type": "cr:RecordSet",
        "@id": "labels",
        "name": "labels",
        "description": "What became of each label of the stacks that the cells were cut from; a "
        "label without name was left out, for the reason given.",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"labels/{column}",
                "name": column,
                "dataType": _data_type(column),
                "source": {"fileObject": {"@id": MANIFEST}, "extract": {"column": column}},
            }
            for column in columns
        ],
    }


def _data_type(column: str) -> str:
    if column in WHOLE:
        return "sc:Integer"
    return "sc:Float" if column in NUMBERS else "sc:Text"
