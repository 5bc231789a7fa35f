"""Files from strangers, byte by byte: refused in one sentence, before they take memory."""

import contextlib
import hashlib
import io
import json
import pickle
import re
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from dispr.cells.unpack import unzip
from dispr.errors import FileError
from dispr.files import read_tiff
from dispr.images.read import look, read_numbers, read_pixels
from dispr.journal import Journal
from dispr.labelled.locate import label_boxes
from dispr.labelled.read import read_image, read_labels
from dispr.measurements.folder import is_kept_row
from dispr.model.config import ModelConfig, model_to_json
from dispr.model.published_checkpoint import read_state_dict
from dispr.model.weights import Weights, build_network, load_weights, save_weights
from dispr.network.shape_decoder import ShapeDecoderConfig
from dispr.records import read_json
from dispr.training.log import read_log

MOST = 400 * 2**20
"""Bytes that the refusal of a file may take."""

CONFIG = ModelConfig(ShapeDecoderConfig(channels=4), diffusion=None)


@contextlib.contextmanager
def little_memory():
    """Make sure that the block takes no more than `MOST`, where the system tells it (Linux)."""
    status, begin_anew = Path("/proc/self/status"), Path("/proc/self/clear_refs")

    def told(name):
        return int(re.search(rf"^{name}:\s+(\d+) kB", status.read_text(), re.MULTILINE)[1]) * 1024

    if not status.is_file():
        yield
        return
    begin_anew.write_text("5")
    before = told("VmRSS")
    yield
    assert told("VmHWM") - before < MOST


def refused(read, path, words):
    with little_memory(), pytest.raises(FileError, match=words) as caught:
        read(path)
    assert path.name in str(caught.value)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.fixture(scope="module")
def zeros():
    """Give 768 MiB of zeros, compressed by Deflate to less than 4 MiB."""
    maker = zlib.compressobj(1)
    return b"".join(maker.compress(bytes(2**24)) for _ in range(48)) + maker.flush()


@pytest.mark.parametrize(
    ("shape", "kind"),
    [((2**20, 2**20), "|u1"), ((2**40,), "<f8"), ((2**14, 2**13, 2**13), "|V0"), ((), "|V1000000")],
)
def test_npy_that_claims_too_much(tmp_path, shape, kind):
    path = tmp_path / "a.npy"
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    text = text.ljust(117) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode())
    for read in (read_image, read_labels):
        refused(read, path, "states|damaged|contains no pixels|has the type")


@pytest.mark.parametrize("objects", [False, True])
def test_npy_whose_header_claims_too_much(tmp_path, objects):
    path = tmp_path / ("a_seg.npy" if objects else "a.npy")
    path.write_bytes(b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + b"{'descr': '|O'")
    with little_asked_for():
        refused(read_labels, path, "damaged")


def test_png_of_a_billion_pixels(tmp_path, zeros):
    path = tmp_path / "a.png"
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2**15, 2**15, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zeros) + chunk(b"IEND", b""))
    for read in (read_pixels, read_numbers):
        refused(read, path, "states 32768 x 32768 values.*set DISPR_LARGEST_GIB above 4")


@pytest.mark.parametrize("depth", [(8, 0), (16, 2)], ids=["grey", "deep colours"])
def test_png_that_expands_to_more_than_it_states(tmp_path, zeros, depth):
    path = tmp_path / "a.png"
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, *depth, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zeros) + chunk(b"IEND", b""))
    with little_memory():
        assert read_pixels(path)[0].shape[:2] == (8, 8)  # the rest is never expanded


@pytest.mark.parametrize("kind", [b"iCCP", b"zTXt", b"iTXt"])
def test_png_whose_remarks_expand(tmp_path, zeros, kind):
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(buffer, "PNG")
    whole = buffer.getvalue()
    middle = {b"iTXt": b"a\0\1\0\0\0"}.get(kind, b"a\0\0")
    path = tmp_path / "a.png"
    path.write_bytes(whole[:33] + chunk(kind, middle + zeros) + whole[33:])
    with little_memory(), contextlib.suppress(FileError):
        read_pixels(path)


@pytest.mark.parametrize("read", [read_pixels, read_numbers, read_tiff])
def test_tiff_whose_strip_expands(tmp_path, zeros, read):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((24, 37), np.uint8), compression="zlib")
    with tifffile.TiffFile(path) as tiff:
        tags = tiff.pages[0].tags
        places = {name: tags[name].valueoffset for name in ("StripOffsets", "StripByteCounts")}
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, places["StripOffsets"], len(content))
    struct.pack_into("<I", content, places["StripByteCounts"], len(zeros))
    path.write_bytes(bytes(content) + zeros)
    refused(read, path, "expands to more than the pixels")


def test_tiff_that_claims_too_much(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((24, 37), np.uint8))
    with tifffile.TiffFile(path) as tiff:
        tags = tiff.pages[0].tags
        places = [tags[name].valueoffset for name in ("ImageWidth", "ImageLength")]
    content = bytearray(path.read_bytes())
    for place in places:
        struct.pack_into("<I", content, place, 2**20 if place == places[0] else 2**20 - 1)
    path.write_bytes(content)
    for read in (look, read_pixels, read_numbers):
        refused(read, path, "states|damaged")


@contextlib.contextmanager
def little_asked_for():
    """Make sure that the block asks for no more than 64 MiB, used or not."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**26


@pytest.mark.parametrize("depth", [(8, 0), (16, 2)], ids=["grey", "deep colours"])
@pytest.mark.parametrize("kind", [b"IDAT", b"tEXt"])
def test_png_whose_chunk_claims_too_much(tmp_path, depth, kind):
    path = tmp_path / "a.png"
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, *depth, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(8 * (1 + 8 * (6 if depth[1] else 1)))))
    last = struct.pack(">I", 2**31 - 1) + kind + bytes(8)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + pixels + last)
    with little_asked_for():
        refused(read_pixels, path, "damaged")


@pytest.mark.parametrize(
    ("tag", "field"), [("Software", 4), ("StripByteCounts", 8), ("StripByteCounts", 4)]
)
def test_tiff_whose_tag_claims_too_much(tmp_path, tag, field):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((24, 37), np.uint8), compression="zlib")
    with tifffile.TiffFile(path) as tiff:
        start = tiff.pages[0].tags[tag].offset
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, start + field, 2**31 - 1)
    path.write_bytes(content)
    for read in (look, read_pixels, read_tiff):
        with little_asked_for():
            refused(read, path, "damaged")


def test_pickles_whose_texts_claim_too_much(tmp_path):
    for name, read in (("a_seg.npy", read_labels), ("a.pt", read_state_dict)):
        path = tmp_path / name
        content = b"\x80\x02B" + struct.pack("<I", 2**32 - 1) + b"abc."
        path.write_bytes(npy_of_objects(content) if name.endswith("npy") else content)
        with little_asked_for():
            refused(read, path, "damaged")


IMAGE = '<Image><Pixels DimensionOrder="XYZCT" SizeZ="1000000"/></Image>'
LAUGHS = "".join(f'<!ENTITY l{k} "{f"&l{k - 1};" * 10}">' for k in range(1, 10))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f'<!DOCTYPE OME [<!ENTITY l0 "ha">{LAUGHS}]><OME>&l9;</OME>', "damaged OME-XML"),
        (
            '<!DOCTYPE OME [<!ENTITY l SYSTEM "file:///etc/passwd">]><OME>&l;</OME>',
            "damaged OME-XML",
        ),
        (f"<OME>{'<a>' * 10**5}{'</a>' * 10**5}</OME>", "OME-XML"),
        (f"<OME>{'<a/>' * (2**23 + 1)}</OME>", "at most 32 are read.*DISPR_LARGEST_GIB"),
        (
            '<OME><Image><Pixels DimensionOrder="XYZCT" SizeX="37" SizeY="24" SizeZ="1000000000" '
            'SizeC="1000" SizeT="1000"/></Image></OME>',
            "without the size",
        ),
        (
            '<OME><Image><Pixels DimensionOrder="XYZCT" SizeX="37" SizeY="24" SizeZ="1000000">'
            f"{'<TiffData/>' * 10**5}</Pixels></Image></OME>",
            "describes its planes several times",
        ),
        (
            f"<OME>{IMAGE * 10**5}</OME>",
            "more planes than any set",
        ),
    ],
    ids=["entities", "another file", "deep", "long", "planes", "again", "images"],
)
def test_ome_xml(tmp_path, text, words):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((24, 37), np.uint8), description=text, metadata=None)
    for read in (look, read_pixels):
        refused(read, path, words)
    read_tiff(path)  # a file of our own has none that is looked at


def bombed_zip(method, content, says):
    """Pack a member whose content is compressed already, and that says to be small."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.bin", content)
    made = bytearray(buffer.getvalue())
    for mark, at, length in ((b"PK\3\4", 8, 22), (b"PK\1\2", 10, 24)):
        start = made.find(mark)
        struct.pack_into("<H", made, start + at, method)
        struct.pack_into("<I", made, start + length, says)
    return bytes(made)


@pytest.mark.parametrize(
    ("method", "says", "words"),
    [
        (zipfile.ZIP_DEFLATED, 100, "damaged"),
        (zipfile.ZIP_DEFLATED, 2**32 - 2, "damaged|would unpack"),
        (zipfile.ZIP_BZIP2, 100, "other than Deflate"),
        (zipfile.ZIP_LZMA, 100, "other than Deflate"),
    ],
)
def test_archives_that_expand(tmp_path, zeros, method, says, words):
    path = tmp_path / "a.zip"
    path.write_bytes(bombed_zip(method, zeros, says))
    refused(lambda path: unzip(path, tmp_path / "out"), path, words)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip"]


@pytest.mark.parametrize(
    "name", ["../a", "a/../../b", "/a", "C:/a", "C:\\a", "..\\a", "\\\\server\\a", "a/..\\../../b"]
)
def test_archives_that_leave_their_folder(tmp_path, name):
    path = tmp_path / "in" / "a.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("fine", b"x")
        archive.writestr(zipfile.ZipInfo(name), b"x")
    refused(lambda path: unzip(path, tmp_path / "in" / "out"), path, "outside of the target")
    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")] == ["in", "in/a.zip"]


class Odd:
    """Pickled as a call, which a reader must not make."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


def npy_of_objects(content):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "|O", "fortran_order": False, "shape": ()}
    )
    return buffer.getvalue() + content


def rebuilt(kind, content, shape=(4,)):
    """Give an array as numpy pickles it, of a type that says anything of itself."""
    build = np.zeros(1).__reduce__()[0]
    return Odd(build, (np.ndarray, (0,), b"b"), (1, shape, kind, False, content))


FIELDS = (3, "|", None, ("a",), {"a": (np.dtype(object), 0)}, 16, 1, 1)
"""A type whose objects are where numbers are: numpy follows them as if they were addresses."""


@pytest.mark.parametrize(
    "masks",
    [
        rebuilt(Odd(np.dtype, ("V16", False, True), FIELDS), b"\x41" * 64),
        rebuilt(Odd(np.dtype, ("V0", False, True)), b"", (2**20, 2**10)),
        rebuilt(Odd(np.dtype, ("u1", False, True)), b"1234", (2**40,)),
        rebuilt(Odd(np.dtype, ("u1", False, True), FIELDS), b"1234"),
        rebuilt(Odd(np.dtype, ("u1", False, True)), 2**31 - 1),
        Odd(np.ndarray, (2**36,)),
        Odd(bytearray, (2**33,)),
    ],
    ids=["addresses", "nothing", "large", "fields", "number", "empty", "bytes"],
)
def test_cellpose_files_with_types_of_their_own(tmp_path, masks):
    path = tmp_path / "a_seg.npy"
    content = np.empty((), object)
    content[()] = {"masks": masks, "filename": "a.tif"}
    path.write_bytes(npy_of_objects(pickle.dumps(content, protocol=3)))
    refused(read_labels, path, "could be harmful|is damaged|contains no masks")


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "content",
    [
        {"a": Odd(bytearray, (2**33,))},
        {"a": Odd(print, ("harm",))},
        Odd(eval, ("print('harm')",)),
        {"a": Odd(torch.Tensor, (2**20,))},
    ],
    ids=["bytes", "call", "eval", "tensor"],
)
def test_checkpoints_with_objects(tmp_path, zipped, content, capsys):
    path = tmp_path / "a.pt"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    refused(read_state_dict, path, "Python objects, which could run code")
    assert "harm" not in capsys.readouterr().out


def test_checkpoints_of_more_values_than_are_stored(tmp_path):
    path = tmp_path / "a.pt"
    torch.save({"a": torch.zeros(1).expand(2**40)}, path)
    refused(read_state_dict, path, "cannot be read as a checkpoint")


def test_checkpoints_that_are_compressed(tmp_path):
    torch.save({"a": torch.zeros(2**20)}, tmp_path / "b.pt")
    path = tmp_path / "a.pt"
    with (
        zipfile.ZipFile(tmp_path / "b.pt") as plain,
        zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as packed,
    ):
        for member in plain.infolist():
            packed.writestr(member.filename, plain.read(member))
    refused(read_state_dict, path, "cannot be read as a checkpoint")


@pytest.mark.parametrize(
    ("setting", "number", "words"),
    [
        ("channels", 10**6, "its parameters do not match"),
        ("channels", 1024, "parameters, but it contains"),
        ("levels", 2**31 - 1, "cannot be halved 2147483647 times"),
        ("levels", 4.0, "levels is '4.0', which is of another type"),
        ("channels", True, "channels is 'True', which is of another type"),
    ],
)
def test_weights_of_a_network_that_is_larger_than_they_are(tmp_path, setting, number, words):
    path = tmp_path / "a.safetensors"
    state = {**build_network(CONFIG).state_dict(), "empty": torch.zeros(0, 2**40)}
    save_weights(path, Weights(CONFIG, state))
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    config = json.loads(model_to_json(CONFIG))
    config["network"][setting] = number
    header["__metadata__"].pop("sha256")
    header["__metadata__"]["config"] = json.dumps(config)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[end:])
    refused(load_weights, path, words)


def test_weights_whose_header_is_longer_than_the_file(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes((2**62).to_bytes(8, "little") + b"{}")
    refused(load_weights, path, "cannot be read as safetensors")


@pytest.mark.parametrize(
    "text", ["[" * 10**6, '{"a":' * 10**5, '{"a": 1e999}', '{"a": ' + "9" * 10**6 + "}"]
)
def test_json(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    refused(read_json, path, "is damaged")


def test_labels_by_a_palette_with_huge_indices(tmp_path):
    labels = np.zeros((24, 37), np.uint32)
    labels[3:9, 4:9] = 2**31
    path = tmp_path / "a.tif"
    colours = np.zeros((3, 256), np.uint16)
    tifffile.imwrite(path, labels.astype(np.uint8), photometric="palette", colormap=colours)
    with tifffile.TiffFile(path) as tiff:
        bits = tiff.pages[0].tags["BitsPerSample"].valueoffset
        strip = tiff.pages[0].tags
        places = [strip[name].valueoffset for name in ("StripOffsets", "StripByteCounts")]
    content = bytearray(path.read_bytes())
    struct.pack_into("<H", content, bits, 32)
    struct.pack_into("<I", content, places[0], len(content))
    struct.pack_into("<I", content, places[1], labels.nbytes)
    path.write_bytes(bytes(content) + labels.tobytes())
    refused(read_numbers, path, "pixels without a colour|damaged")


def test_boxes_of_huge_labels():
    labels = np.zeros((24, 37), np.uint32)
    labels[3:9, 4:9], labels[12:15, 1:3] = 2**32 - 1, 7
    with little_memory():
        found = dict(label_boxes(labels))
    assert found == {7: (slice(12, 15), slice(1, 3)), 2**32 - 1: (slice(3, 9), slice(4, 9))}


@pytest.mark.parametrize("content", ["[1, 2]", "3", '["a", "b", 3]', "[" * 10**5, "{"])
def test_rows_of_an_interrupted_run_with_checksums_of_their_own(tmp_path, content):
    path = tmp_path / "a.csv.part"
    lines = [f"{name}\t{content}" for name in ('"a"', "3", "[" * 10**5, "x")]
    sums = [hashlib.sha256(line.encode()).hexdigest()[:16] for line in lines]
    path.write_text("".join(f"{line}\t{s}\n" for line, s in zip(lines, sums, strict=True)))
    kept = Journal(path, is_kept_row)
    assert list(kept) == ["a"]
    assert kept.get("a") is None


def test_a_log_with_a_step_of_a_hundred_thousand_digits(tmp_path):
    path = tmp_path / "train_log.csv"
    path.write_text("step,loss\n" + "9" * 10**5 + ",0.5\n")
    refused(read_log, path, "line 2")
