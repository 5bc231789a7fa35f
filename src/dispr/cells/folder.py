"""Find the cells of a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dispr.cells.planes import PlaneFile, find_planes
from dispr.errors import FileError
from dispr.failures import Failures
from dispr.names import PICTURES, TIFF, image_of, key, missing, refuse_zarr, visible_files

SPLITS = ("train", "test")
KINDS = ("image", "mask", "obj")
LAYOUT = (
    "put the cells as TIFF or PNG files in the folders image and mask (and obj, for training), "
    "or in train and test with these folders, with the same file name in each"
)


@dataclass(frozen=True, slots=True)
class CellFiles:
    """The files of one cell.

    Attributes
    ----------
    name : str
        File name without extension, the same in all folders.
    image, mask : Path
        Files of the 2D section and of its segmentation.
    obj : Path or None
        File of the 3D cell, where there is one.
    split : "train", "test" or None
        The part of the data set; None for a folder without parts.
    planes : tuple of PlaneFile
        Masks of further planes (`dispr.cells.planes`).
    group : str
        The group of cells that it is of, such as a treatment; empty for none.
    """

    name: str
    image: Path
    mask: Path
    obj: Path | None = None
    split: str | None = None
    planes: tuple[PlaneFile, ...] = ()
    group: str = ""


def find_cells(
    root: str | os.PathLike[str],
    split: str | None = None,
    need_obj: bool = False,
    failures: Failures | None = None,
) -> list[CellFiles]:
    """Find the cells in `root`, in order of their names, those of train before those of test.

    Parameters
    ----------
    root : path
        A folder with `image`, `mask` and perhaps `obj`, or with `train` and `test` holding these;
        or with several folders of other names that hold these, which are groups of cells. Cells of
        groups that share a name are called GROUP_NAME, as are all others beside them.
    split : "train", "test" or None
        Only the cells of this part; None for all.
    need_obj : bool
        Whether every cell must have its 3D shape.
    failures : Failures, optional
        Receives the cells of which a file is missing, or is there twice; by default the first of
        them is an error.

    Raises
    ------
    FileError
        If the folder, the split or a file of a cell is missing, or there are no cells.
    """
    root = Path(root)
    cells: list[CellFiles] = []
    if split is None and (groups := group_folders(root)):
        for folder in groups:
            of = _cells_of(folder, None, need_obj, failures)
            cells += [replace(cell, group=folder.name) for cell in of]
        if len({cell.name.casefold() for cell in cells}) < len(cells):
            cells = [replace(cell, name=f"{cell.group}_{cell.name}") for cell in cells]
        return cells
    for part, folder in _chosen_parts(root, split).items():
        cells += _cells_of(folder, part, need_obj, failures)
    if not cells:
        raise no_cells(root)
    return cells


def group_folders(root: Path) -> list[Path]:
    """Give the folders of `root` that each hold the cells of a group; none for a data set."""
    if not root.is_dir() or parts(root):
        return []
    inner = [path for path in folders_of(root) if _is_part(path)]
    return inner if len(inner) > 1 else []


def parts(root: Path) -> dict[str | None, Path]:
    """Give the folders that hold `image`, `mask` and `obj`, by their split.

    The result is empty where there are neither splits nor such folders.
    """
    folders = {path.name.lower(): path for path in folders_of(root)}
    found: dict[str | None, Path] = {
        s: folders[s] for s in SPLITS if s in folders and _is_part(folders[s])
    }
    if not found and _is_part(root):
        found[None] = root
    return found


def tiff_files(
    folder: Path, faults: list[str] | None = None, suffixes: Sequence[str] = TIFF
) -> dict[str, list[Path]]:
    """Give the TIFF files of a folder by name without extension; none if it does not exist.

    Hidden files (those of the system and half-written ones) and other formats are passed over. More
    than one path to a name means that it occurs as both .tif and .tiff, or in two Unicode forms.

    Parameters
    ----------
    folder : Path
        The folder.
    faults : list of str, optional
        Receives a sentence for each file that cannot be used, instead of an error for the first.
    suffixes : sequence of str, optional
        Extensions, in small letters, of other files than TIFF.

    Raises
    ------
    FileError
        If a file is a link to nothing, or its name is not UTF-8.
    """
    files: dict[str, list[Path]] = {}
    if folder.is_dir():
        for path in visible_files(folder, suffixes, faults):
            # Path.stem only takes the last extension, so "0.00_discocyte000144" survives.
            files.setdefault(key(path.stem), []).append(path)
    return files


def files_of(part: Path, faults: list[str] | None = None) -> dict[str, dict[str, list[Path]]]:
    """Give the files of the cells of a part, by kind and name.

    Images are TIFF, PNG or JPEG, masks TIFF or PNG (JPEG is refused when it is read), objects TIFF;
    `faults` and errors are as for `tiff_files`. A mask may also be called as programs name masks,
    such as a_mask.tif (`dispr.names.image_of`).
    """
    files = {
        kind: tiff_files(kind_folder(part, kind), faults, TIFF if kind == "obj" else PICTURES)
        for kind in KINDS
    }
    masks: dict[str, list[Path]] = {}
    for name, paths in files["mask"].items():
        habit = None if name in files["image"] else image_of(name)
        known = habit is not None and habit[0] in files["image"]
        masks.setdefault(habit[0] if habit is not None and known else name, []).extend(paths)
    return {**files, "mask": masks}


def kind_folder(part: Path, kind: str) -> Path:
    """Give the folder of the images, masks or objects of a part.

    Its name may be in the plural and have capitals ("Masks"). Where there is none, the path is the
    one that it should have.

    Raises
    ------
    FileError
        If several folders could be meant.
    """
    named = part / kind
    if not part.is_dir():
        return named
    alike = [path for path in folders_of(part) if path.name.lower() in (kind, f"{kind}s")]
    if len(alike) > 1:
        raise FileError(f"{alike[0]} and {alike[1].name} are both possible; rename one of them.")
    return alike[0] if alike else named


def folders_of(folder: Path) -> list[Path]:
    """List the visible folders in a folder, in order of their names; none if it does not exist."""
    if not folder.is_dir():
        return []
    return [p for p in sorted(folder.iterdir()) if p.is_dir() and not p.name.startswith(".")]


def _is_part(folder: Path) -> bool:
    return any(kind_folder(folder, kind).is_dir() for kind in KINDS)


def _chosen_parts(root: Path, split: str | None) -> Mapping[str | None, Path]:
    if split not in (None, *SPLITS):
        raise FileError(f'A data set has the parts "train" and "test", not "{split}".')
    if not root.exists():
        raise missing(root)
    if not root.is_dir():
        raise FileError(f"{root} is a file; give the folder that contains image and mask.")
    found = parts(root)
    if not found:
        refuse_zarr(root)
        raise no_cells(root)
    if split is None:
        return found
    if split not in found:
        have = "train" if "train" in found else "test" if "test" in found else "no such parts"
        raise FileError(
            f"{root} has no folder {split} (it has {have}); add {split} with image and mask, or "
            "choose another folder."
        )
    return {split: found[split]}


def _cells_of(
    folder: Path, split: str | None, need_obj: bool, failures: Failures | None = None
) -> list[CellFiles]:
    found = files_of(folder)
    failures = Failures(strict=True) if failures is None else failures
    required = KINDS if need_obj else ("image", "mask")
    left_out: set[str] = set()
    for kind in KINDS:
        for name, paths in found[kind].items():
            if len(paths) > 1:
                failures.add(name, paths, _two_of_one(paths))
                left_out.add(name)
    files = {kind: {name: paths[0] for name, paths in found[kind].items()} for kind in KINDS}
    names = sorted(set().union(*(files[kind] for kind in required)) - left_out)
    if need_obj and names and not files["obj"]:
        raise FileError(
            f"{folder / 'obj'} contains no .tif files, but 3D shapes are required; add one for "
            "each image, with the same name."
        )
    missing = {
        name: [_expected(folder, kind, name, files) for kind in lacked]
        for name in names
        if (lacked := [kind for kind in required if name not in files[kind]])
    }
    for kind in required if missing else ():
        if not kind_folder(folder, kind).is_dir():
            raise FileError(lacking(folder, kind))
    if missing and (failures.strict or len(missing) == len(names)):
        count = sum(map(len, missing.values()))
        raise _missing_file(next(iter(missing.values()))[0], required, count)
    for name, paths in missing.items():
        failures.add(name, paths, _missing_file(paths[0], required))
    left_out |= set(missing)
    planes = find_planes(folder, names)
    return [
        CellFiles(
            name,
            files["image"][name],
            files["mask"][name],
            files["obj"].get(name),
            split,
            planes.get(name, ()),
        )
        for name in names
        if name not in left_out
    ]


def _missing_file(path: Path, required: Sequence[str], count: int = 1) -> FileError:
    more = f" (the first of {count} missing files)" if count > 1 else ""
    return FileError(
        f"{path} does not exist{more}{instead(path)}; every cell needs the same file name in "
        f"{', '.join(required[:-1])} and {required[-1]}."
    )


def no_cells(root: Path) -> FileError:
    """Make the error about a folder in which no cells are found, and guess what is meant."""
    inner = [str(path) for path in folders_of(root) if parts(path)]
    if inner:
        return FileError(f"{root} contains no cells itself; did you mean {' or '.join(inner[:3])}?")
    if root in (kind_folder(root.parent, kind) for kind in KINDS):
        return FileError(f"{root} is a part of the data set {root.parent}; give that folder.")
    if tiff_files(root):
        return FileError(
            f"{root} has no folders image and mask with single cells; if its images are fields of "
            'view, predict them with their labels, for example --labels "labels/*.tif".'
        )
    return FileError(f"{root} contains no cells{_other_files(root)}; {LAYOUT}.")


def lacking(folder: Path, kind: str) -> str:
    """Say that there is no folder of images or masks, and which may be meant."""
    others = [p.name for p in folders_of(folder) if p.name.lower().rstrip("s") not in KINDS]
    has = f" (it has {', '.join(others[:4])}{', ...' if len(others) > 4 else ''})" if others else ""
    fields = (
        "; if the images are fields of view, give their folder, and their labels by --labels"
        if kind == "mask"
        else ""
    )
    do = f"rename the one that is meant to {kind}" if others else "add it"
    return f"{folder} has no folder {kind}{has}; {do}{fields}."


def instead(path: Path) -> str:
    """Name a file of another format that lies in place of a missing one."""
    if not path.parent.is_dir():
        return ""
    others = [p.name for p in sorted(path.parent.iterdir()) if p.stem == path.stem]
    return f", only {others[0]}, which is not supported: save it as TIFF or PNG" if others else ""


def _expected(folder: Path, kind: str, name: str, files: Mapping[str, Mapping[str, Path]]) -> Path:
    """Name the missing file with the extension that its sister file has."""
    sister = next(files[other][name] for other in KINDS if name in files[other])
    return kind_folder(folder, kind) / sister.name


def one_each(files: Mapping[str, list[Path]]) -> dict[str, Path]:
    """Give the file of each name, of what `tiff_files` found.

    Raises
    ------
    FileError
        If there are two of a name.
    """
    for paths in files.values():
        if len(paths) > 1:
            raise _two_of_one(paths)
    return {name: paths[0] for name, paths in files.items()}


def _two_of_one(paths: Sequence[Path]) -> FileError:
    return FileError(
        f"{paths[0]} and {paths[1].name} are files of the same cell; remove one of them."
    )


def _other_files(root: Path) -> str:
    """Say what kinds of files lie there instead, if any."""
    bases = (root, *(root / s for s in SPLITS))
    folders = [kind_folder(base, kind) for base in bases for kind in KINDS]
    inside = [path for path in folders_of(root) if path.name.lower().rstrip("s") not in KINDS]
    suffixes = {
        path.suffix.lower()
        for folder in (root, *folders)
        if folder.is_dir()
        for path in folder.iterdir()
        if path.is_file() and path.suffix and not path.name.startswith(".")
    }
    return (
        f" (only {', '.join(sorted(suffixes)[:4])} files, or in the wrong place)"
        if suffixes
        else f" (it has the folders {', '.join(path.name for path in inside[:4])})"
        if inside
        else ""
    )
