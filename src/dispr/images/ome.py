"""OME-XML: which images a file holds, where their planes are, how large their voxels are.

Every file of a set (one a position, one a plane) carries the description of the whole set, so that
the first image described is often in another file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from dispr.errors import FileError
from dispr.images.sizes import StatedSize, stated_size
from dispr.images.source import all_named

_OPENED = re.compile(r"<(?:\w+:)?OME[\s>]")

MOST_PLANES = 10**6
"""An image with more planes than this is none; a set has at most four times as many."""


@dataclass(frozen=True)
class OmeImage:
    """One image of an OME-XML.

    Attributes
    ----------
    name : str
        Its name, or its number.
    axes : str
        Letters of the axes of `counts`, outermost first: Z, C and T in some order.
    counts : tuple of int
        Planes along each.
    height, width : int
        Pixels of a plane.
    planes : tuple
        For each plane, in the order of `axes`: the file ("" for the one that was read) and the
        number of its page; None where the XML names no pixels.
    size : StatedSize
        Of its voxels.
    channels : tuple of str
        Names of its channels; empty if not all are named.
    """

    name: str
    axes: str
    counts: tuple[int, int, int]
    height: int
    width: int
    planes: tuple[tuple[str, int] | None, ...]
    size: StatedSize
    channels: tuple[str, ...] = ()

    @property
    def files(self) -> set[str]:
        """Names of the files that hold its planes; "" for the one that was read."""
        return {plane[0] for plane in self.planes if plane is not None}


def is_ome(text: str) -> bool:
    """Tell whether the description of a TIFF file is OME-XML, whole or damaged."""
    return text.rstrip("\0 \r\n\t")[-4:] == "OME>" or bool(_OPENED.search(text[:4096]))


def root_of(text: str) -> ElementTree.Element | None:
    """Parse an OME-XML; None if that is impossible."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return None  # entities can expand to gigabytes, and OME-XML has none
    try:
        return ElementTree.fromstring(text.strip("\0 \r\n\t"))
    except (ElementTree.ParseError, ValueError):
        return None


def uuid_of(text: str) -> str:
    """Give the UUID of the file that an OME-XML is from; empty if it has none."""
    match = re.search(r'<(?:\w+:)?OME\b[^>]*?\bUUID="([^"]*)"', text[:4096])
    return match[1] if match else ""


def metadata_file(root: ElementTree.Element) -> str:
    """Name the companion file that holds the metadata instead; empty if there is none."""
    for element in _all(root, "BinaryOnly"):
        return Path(element.get("MetadataFile", "")).name
    return ""


def images_of(
    root: ElementTree.Element, path: Path, uuid: str, pages: int, samples: int
) -> list[OmeImage]:
    """List the images of which at least a plane is in a file.

    Parameters
    ----------
    root : Element
        The parsed OME-XML.
    path : Path
        The file.
    uuid : str
        Its UUID, by which a set knows its files; empty if it has none.
    pages : int
        Pages that it has.
    samples : int
        Channels that are kept in one page, as colours are.

    Raises
    ------
    FileError
        If the XML states no sizes, or the images that it describes are all in other files.
    """
    own = path.name
    known = {Path(e.get("FileName", "").replace("\\", "/")).name for e in _all(root, "UUID")}
    if not uuid and len(known) == 1 and not path.with_name(next(iter(known)) or own).exists():
        (own,) = known  # the only file of its set, renamed
    found, others, planes = [], set(), 0
    for number, element in enumerate(_all(root, "Image")):
        pixels = next(_all(element, "Pixels"), None)
        if pixels is None:
            continue
        image = _image(element, pixels, number, path, own, uuid, pages, samples)
        planes += len(image.planes)
        if planes > 4 * MOST_PLANES:
            raise FileError(f"{path} has OME-XML of more planes than any set; export it again.")
        if "" in image.files:
            found.append(image)
        others |= image.files
    if not found:
        where = f", but only {sorted(others)[0]}" if others else ""
        raise FileError(
            f"{path} has OME-XML that does not describe its own pixels{where}; export it again as "
            "one OME-TIFF file."
        )
    return found


def _image(
    element: ElementTree.Element,
    pixels: ElementTree.Element,
    number: int,
    path: Path,
    own: str,
    uuid: str,
    pages: int,
    samples: int,
) -> OmeImage:
    try:
        width, height, z, c, t = (int(pixels.get(f"Size{axis}", "1")) for axis in "XYZCT")
    except ValueError:
        width = height = z = c = t = 0
    c = c // samples if samples > 1 and c % samples == 0 else c
    order = pixels.get("DimensionOrder", "XYZCT")[2:][::-1]
    total = z * c * t
    if min(width, height, z, c, t) < 1 or total > MOST_PLANES or sorted(order) != ["C", "T", "Z"]:
        raise FileError(f"{path} has OME-XML without the size of its image; export it again.")
    counts = {"Z": z, "C": c, "T": t}
    planes: list[tuple[str, int] | None] = [None] * total
    blocks = list(_all(pixels, "TiffData"))
    described = 0
    for block in blocks:
        first = 0
        for axis in order:
            first = first * counts[axis] + _whole(block.get(f"First{axis}"), 0)
        whole = block.get("IFD") is None
        page = _whole(block.get("IFD"), 0)
        length = _whole(block.get("PlaneCount"), total if whole else 1)
        file = _file_of(block, own, uuid)
        count = max(min(length, total - first), 0)
        described += count
        if described > 4 * total:
            raise FileError(
                f"{path} has OME-XML that describes its planes several times; export it again."
            )
        for k in range(count):
            if file or page + k < pages:
                planes[first + k] = (file, page + k)
    if not blocks:
        planes = [("", k) if k < pages else None for k in range(total)]
    size = stated_size(
        {
            axis.lower(): (
                pixels.get(f"PhysicalSize{axis}"),
                pixels.get(f"PhysicalSize{axis}Unit", "um"),
            )
            for axis in "ZYX"
        }
    )
    name = element.get("Name") or f"image {number + 1}"
    sizes = (counts[order[0]], counts[order[1]], counts[order[2]])
    channels = tuple(e.get("Name") or "" for e in _all(pixels, "Channel"))
    named = all_named(channels, c)
    return OmeImage(name, order, sizes, height, width, tuple(planes), size, named)


def _file_of(block: ElementTree.Element, file: str, uuid: str) -> str:
    """Name the file that a block of planes is in; empty for the one that was read."""
    element = next(_all(block, "UUID"), None)
    if element is None:
        return ""
    text = (element.text or "").strip()
    name = Path(element.get("FileName", "").replace("\\", "/")).name
    own = text == uuid if text and uuid else name in ("", file)
    return "" if own else name or text


def _all(element: ElementTree.Element, tag: str) -> Iterator[ElementTree.Element]:
    """Give all elements of a name below one, in any version of the schema."""
    return (e for e in element.iter() if e.tag.rpartition("}")[2] == tag)


def _whole(text: str | None, default: int) -> int:
    try:
        return max(int(text), 0) if text is not None else default
    except ValueError:
        return default
