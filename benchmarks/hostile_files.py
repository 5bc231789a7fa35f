"""Files built piece by piece from choices, mostly valid, here and there hostile.

The choices come from whoever makes them: `random` (`fuzz.py`), Hypothesis (`tests/hostile`), or
Atheris (`fuzz_coverage.py`). Unlike damaged files, built ones have right checksums and lengths
where these are not what is wrong, so that readers come to what is behind them.
"""

from __future__ import annotations

import io
import json
import pickle
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

One = TypeVar("One")

EXTREMES = (0, 1, 2, 7, 8, 255, 256, 65535, 2**16, 2**20, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63)
"""Numbers that headers may state."""

NAMES = (
    *("a.tif", "image/a.tif", "../a", "..\\a", "/tmp/a", "C:/a", "a/../../a", "a/./b", "", "."),
    *(
        "..",
        "a" * 300,
        "a/" * 40 + "a",
        "\u202ea",
        "nul",
        "a:b",
        "\udcff",
        "a\0b",
        "\\\\x\\y",
        "~/a",
    ),
)
"""Names of files, of which some lead elsewhere."""

CALLS = (
    *("os system", "posix system", "nt system", "subprocess Popen", "builtins eval"),
    *("builtins exec", "builtins getattr", "builtins open", "builtins bytearray", "numpy load"),
    *("numpy fromfile", "numpy memmap", "numpy ndarray", "numpy dtype", "_codecs encode"),
    *("numpy._core.multiarray _reconstruct", "numpy._core.multiarray scalar"),
    *("numpy._core.numeric _frombuffer", "torch._utils _rebuild_tensor_v2", "torch FloatStorage"),
    *("torch Size", "torch Tensor", "collections OrderedDict", "pathlib PosixPath", "io open"),
)
"""What a pickle may call."""

HARM = "touch harm.txt"
"""What such a call is given: a command, or the name of a file."""


class Choice(Protocol):
    """Where choices come from."""

    def whole(self, low: int, high: int) -> int:
        """Give a whole number from `low` to `high`."""


class Chance:
    """Choices by chance."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def whole(self, low: int, high: int) -> int:
        """Give a whole number from `low` to `high`."""
        return self.chance.randint(low, high)


def one_of(choice: Choice, options: Sequence[One]) -> One:
    """Choose one of several."""
    return options[choice.whole(0, len(options) - 1)]


def odd(choice: Choice, one_in: int = 12) -> bool:
    """Tell whether the next piece is to be hostile."""
    return choice.whole(0, one_in - 1) == 1


def number(choice: Choice, right: int, most: int = 2**32 - 1) -> int:
    """Give the right number, or another that fits."""
    return min(one_of(choice, EXTREMES), most) if odd(choice, 40) else right


def content_of(choice: Choice, size: int) -> bytes:
    """Give so many bytes: all alike, or in order."""
    return bytes([choice.whole(0, 255)]) * size if odd(choice, 2) else bytes(
        k & 255 for k in range(size)
    )  # fmt: skip


def packed(choice: Choice, content: bytes) -> bytes:
    """Compress by Deflate; now and then more, less or something else than there should be."""
    if odd(choice, 30):
        content = one_of(choice, (content * 3, content[: len(content) // 2], b"", bytes(2**22)))
    found = zlib.compress(content, 1)
    return found[: choice.whole(0, len(found))] if odd(choice, 30) else found


IMAGEJ = "ImageJ=1.53\nimages=3\nslices=3\nunit=um\nspacing=0.5\n"


def tiff(choice: Choice) -> bytes:
    """Build a TIFF file of one or more pages."""
    order = one_of(choice, "<>")
    pages = one_of(choice, (1, 1, 1, 2, 3))
    size = choice.whole(1, 40), choice.whole(1, 40)
    alike = one_of(choice, ((1, 8, True), (1, 16, True), (3, 8, False), None))
    out = bytearray((b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8))
    for page in range(pages):
        width, height = (choice.whole(1, 40), 9) if odd(choice) else size
        samples = one_of(choice, (1, 1, 1, 1, 3, 4))
        bits = one_of(choice, (8, 8, 8, 16, 16, 32, 1, 2, 4, 12, 64))
        if alike:
            samples, bits, _ = alike
        rows = number(choice, one_of(choice, (height, max(1, height // 3))))
        deflate = odd(choice, 2)
        strips = -(-height // max(1, min(rows, height)))
        row = -(-width * samples * bits // 8)
        parts = [content_of(choice, row * max(1, min(rows, height))) for _ in range(strips)]
        parts = [packed(choice, part) if deflate else part for part in parts]
        text = one_of(choice, ("", "", IMAGEJ, "xml"))
        text = ome_xml(choice, (width, height)) if text == "xml" else text
        tags: dict[int, tuple[int, Sequence[int] | bytes]] = {
            254: (4, [number(choice, 0)]),
            256: (4, [number(choice, width)]),
            257: (4, [number(choice, height)]),
            258: (3, [number(choice, bits, 65535)] * samples),
            259: (3, [number(choice, 8 if deflate else 1, 65535)]),
            262: (3, [one_of(choice, (0, 1, 3) if samples == 1 else (2, 2, 1, 6))]),
            270: (2, text.encode("utf-8", "replace") + b"\0"),
            277: (3, [number(choice, samples, 65535)]),
            278: (4, [rows]),
            284: (3, [one_of(choice, (1, 1, 1, 2))]),
            317: (3, [one_of(choice, (1, 1, 1, 2, 3))]),
            339: (3, [one_of(choice, (1, 1, 1, 2, 3))] * samples),
        }
        if tags[262][1] == [3]:
            tags[320] = (3, [k * 257 % 65536 for k in range(3 * 2 ** min(bits, 8))])
        if not text:
            del tags[270]
        # The pieces stand behind the tags: strips, and what has no room in a tag.
        start = len(out) + 2 + 12 * (len(tags) + 2) + 4
        offsets, behind = [], bytearray()
        for part in parts:
            offsets.append(number(choice, start + len(behind)))
            behind += part
        tags[273] = (4, offsets)
        tags[279] = (4, [number(choice, len(part)) for part in parts])
        entries = bytearray(struct.pack(f"{order}H", len(tags)))
        for tag, (kind, values) in sorted(tags.items()):
            form = {2: "B", 3: "H", 4: "I"}[kind]
            body = struct.pack(f"{order}{len(values)}{form}", *values)
            count = number(choice, len(values)) if odd(choice, 40) else len(values)
            entries += struct.pack(f"{order}HHI", tag, kind, count)
            if len(body) <= 4:
                entries += body.ljust(4, b"\0")
            else:
                entries += struct.pack(f"{order}I", start + len(behind))
                behind += body
        following = start + len(behind) if page < pages - 1 else 0
        entries += struct.pack(f"{order}I", number(choice, following))
        out += entries + behind
    return bytes(out)


def ome_xml(choice: Choice, size: tuple[int, int] = (37, 24)) -> str:
    """Build OME-XML of an image of so many columns and rows."""
    sizes = zip("XYZCT", (*size, 1, 1, 1), strict=True)
    axes = " ".join(f'Size{axis}="{number(choice, n)}"' for axis, n in sizes)
    orders = ("XYZCT", "XYCZT", "XYTZC", "XYTCZ", "XY", "ZZZZZ", "", "TCZYX")
    order = one_of(choice, orders if odd(choice) else orders[:4])
    edge = one_of(choice, ("0.5", "-1", "nan", "1e999", "", "0", "\u0661"))
    unit = one_of(choice, ("um", "\u00b5m", "furlong", "", "pixel"))
    data = ""
    for _ in range(one_of(choice, (0, 1, 1, 3))):
        file = one_of(choice, NAMES).replace("\0", "").encode("utf-8", "replace").decode()
        uuid = f'<UUID FileName="{file}">urn:a</UUID>' if odd(choice) else ""
        first = " ".join(f'First{axis}="{number(choice, 0)}"' for axis in "ZCT")
        pages = f'IFD="{number(choice, 0)}" PlaneCount="{number(choice, 1)}"'
        data += f"<TiffData {first} {pages}>{uuid}</TiffData>"
    pixels = f'<Pixels DimensionOrder="{order}" {axes} PhysicalSizeX="{edge}" '
    pixels += f'PhysicalSizeXUnit="{unit}">{data}</Pixels>'
    text = f"<OME>{f'<Image>{pixels}</Image>' * one_of(choice, (1, 1, 1, 0, 2))}</OME>"
    if odd(choice):
        text = f'<!DOCTYPE OME [<!ENTITY a "{"b" * 99}">]>' + text.replace("<OME>", "<OME>&a;&a;")
    if odd(choice):
        text = f'<OME><BinaryOnly MetadataFile="{one_of(choice, NAMES[:6])}"/></OME>'
    return text[: choice.whole(0, len(text))] if odd(choice) else text


def png(choice: Choice) -> bytes:
    """Build a PNG file."""
    width, height = choice.whole(1, 40), choice.whole(1, 40)
    bits = one_of(choice, (8, 8, 16, 1, 2, 4))
    colour = one_of(choice, (0, 0, 2, 3, 4, 6))
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = -(-width * channels * bits // 8)
    lines = [bytes([one_of(choice, (0, 1, 2, 3, 4))]) + content_of(choice, row)] * height
    stated = struct.pack(
        ">IIBBBBB",
        number(choice, width),
        number(choice, height),
        number(choice, bits, 255),
        number(choice, colour, 255),
        0,
        0,
        one_of(choice, (0, 0, 0, 1)),
    )
    chunks = [(b"IHDR", stated)]
    if colour == 3:
        chunks.append((b"PLTE", content_of(choice, number(choice, 768, 2000))))
    if odd(choice, 4):
        chunks.append((one_of(choice, (b"tRNS", b"acTL", b"iCCP", b"zTXt", b"iTXt", b"eXIf")), b""))
        chunks[-1] = chunks[-1][0], b"a\0\0" + packed(choice, content_of(choice, 50))
    pixels = packed(choice, b"".join(lines))
    half = choice.whole(0, len(pixels))
    chunks += [(b"IDAT", pixels[:half]), (b"IDAT", pixels[half:]), (b"IEND", b"")]
    if odd(choice):
        chunks.insert(choice.whole(0, len(chunks)), one_of(choice, chunks))
    found = b"\x89PNG\r\n\x1a\n"
    for kind, body in chunks:
        check = zlib.crc32(kind + body) ^ odd(choice, 60)
        length = number(choice, len(body)) if odd(choice, 20) else len(body)
        found += struct.pack(">I", length) + kind + body + struct.pack(">I", check)
    return found


def npy(choice: Choice) -> bytes:
    """Build an NPY file of numbers."""
    kinds = ("|u1", "<u2", ">i4", "<f4", "<f8", "|b1", "|V0", "|V9", "<U9", "<c8", "<M8[s]", "|S3")
    kind: Any = one_of(choice, kinds[: one_of(choice, (5, 5, 12))])
    if odd(choice):
        fields = [("a", "<f8", (2**20, 2**20))]
        kind = one_of(choice, ("|O", "", fields, "x", 3, [["a"]], "i4,f8"))
    axes = one_of(choice, (2, 2, 2, 3, 0, 4))
    shape: Any = tuple(number(choice, choice.whole(1, 12), 2**63) for _ in range(axes))
    if odd(choice):
        wrong = ((-1, 4), (1.5,), "ab", None, (True, 4), [4, 4], (2**70,), (0,) * 99)
        shape = one_of(choice, wrong)
    header = {"descr": kind, "fortran_order": one_of(choice, (False, True)), "shape": shape}
    text = repr(header)
    if odd(choice):
        text = one_of(choice, ("{", "[" * 300, "1", "__import__('os')"))
    body = text.encode() + b"\n"
    version = one_of(choice, (1, 1, 1, 1, 2, 3, 9))
    length = struct.pack("<H" if version == 1 else "<I", number(choice, len(body), 65535))
    behind = content_of(choice, one_of(choice, (0, 100, 9000, 9000, 9000)))
    return b"\x93NUMPY" + bytes([version, 0]) + length + body + behind


BEGUN = b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85C\x01btR"
"""An array that a pickle begins, in protocol 3."""


class Pickled:
    """Writes a pickle step by step: values, arrays, and calls of what may do harm."""

    def __init__(self, choice: Choice) -> None:
        self.choice, self.out = choice, bytearray(b"\x80\x03")

    def value(self, depth: int = 3) -> None:
        """Write any value."""
        choice, out = self.choice, self.out
        kind = choice.whole(0, 11 if depth else 5)
        if kind == 0:
            out += one_of(choice, (b"N", b"\x88", b"\x89", b"]", b"}", b")"))
        elif kind == 1:
            out += b"J" + struct.pack("<i", number(choice, choice.whole(0, 40), 2**31 - 1))
        elif kind == 2:
            out += b"G" + struct.pack(">d", one_of(choice, (0.0, 30.0, float("nan"), 1e308)))
        elif kind == 3:
            self.text(one_of(choice, ("masks", "img", HARM, "latin1", "b", "u1", *NAMES[:4])))
        elif kind == 4:
            content = content_of(choice, choice.whole(0, 60))
            length = number(choice, len(content)) if odd(choice) else len(content)
            out += b"B" + struct.pack("<I", length) + content
        elif kind == 5:
            at = number(choice, choice.whole(0, 3))
            out += (b"j" if odd(choice, 2) else b"r") + struct.pack("<I", at)
            if out[-5] == ord("r"):
                out += b"N"
        elif kind <= 7:
            out += b"("
            for _ in range(choice.whole(0, 3)):
                self.value(depth - 1)
            out += one_of(choice, (b"l", b"t"))
        elif kind == 8:
            self.array(depth - 1)
        else:
            self.call(one_of(choice, CALLS), depth - 1)

    def text(self, value: str) -> None:
        """Write a text."""
        body = value.encode("utf-8", "replace")
        self.out += b"X" + struct.pack("<I", len(body)) + body

    def call(self, name: str, depth: int) -> None:
        """Write a call of something by its name, and perhaps a state."""
        self.out += b"c" + "\n".join(name.split()).encode() + b"\n("
        self.text(HARM) if odd(self.choice, 2) else self.value(depth)
        for _ in range(self.choice.whole(0, 2)):
            self.value(depth)
        self.out += b"tR"
        if odd(self.choice, 3):
            self.value(depth)
            self.out += b"b"

    def array(self, depth: int) -> None:
        """Write an array as numpy does, with a piece here and there that is something else."""
        choice = self.choice

        def piece(right: bytes) -> None:
            if odd(choice, 20):
                self.value(max(depth, 0))
            else:
                self.out += right

        height, width = choice.whole(1, 9), choice.whole(1, 9)
        kind, size = one_of(choice, ((b"u1", 1), (b"u2", 2), (b"f8", 8), (b"V8", 8), (b"O8", 8)))
        self.out += BEGUN + b"(K\x01"
        piece(b"K" + bytes([height]) + b"K" + bytes([width]) + b"\x86")
        self.out += b"cnumpy\ndtype\n("
        piece(b"X" + struct.pack("<I", len(kind)) + kind)
        self.out += b"\x89\x88tR"
        if odd(choice, 2):
            self.out += b"(K\x03X\x01\0\0\0<"
            for _ in range(3):
                piece(b"N")
            piece(b"J\xff\xff\xff\xff")
            piece(b"J\xff\xff\xff\xff")
            piece(b"K\0")
            self.out += b"tb"
        piece(b"\x89")
        content = content_of(choice, height * width * size)
        piece(b"B" + struct.pack("<I", len(content)) + content)
        self.out += b"tb"

    def end(self) -> bytes:
        """Give the whole."""
        return bytes(self.out) + b"."


def cellpose(choice: Choice) -> bytes:
    """Build a `_seg.npy` of Cellpose."""
    made = Pickled(choice)
    made.out += BEGUN + b"(K\x01)"
    made.out += b"cnumpy\ndtype\n(X\x02\0\0\0O8\x89\x88tR\x89]}("
    for key in ("masks", "img", "filename"):
        made.text(key)
        made.array(2) if key != "filename" and not odd(choice, 6) else made.value()
    made.out += b"uatb"
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }".ljust(117) + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header + made.end()


def archive(choice: Choice) -> bytes:
    """Build a zip archive."""
    methods = (0, 0, 0, 0, 8, 8, 8, 8, 12, 14)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for _ in range(choice.whole(0, 4)):
            name = one_of(choice, NAMES) if odd(choice) else one_of(choice, NAMES[:2])
            member = zipfile.ZipInfo("a")
            # What the library would put right.
            member.filename = member.orig_filename = name.encode("utf-8", "replace").decode()
            member.compress_type = one_of(choice, methods)
            member.external_attr = one_of(choice, (0, 0, 0, 0o644, 0o644, 0o120777)) << 16
            file.writestr(member, content_of(choice, choice.whole(0, 900)))
    found = bytearray(buffer.getvalue())
    for mark, fields in ((b"PK\3\4", (4, 6, 8, 18, 22)), (b"PK\1\2", (6, 8, 10, 20, 24, 42))):
        start = found.find(mark)
        if start >= 0 and odd(choice, 5):
            at = start + one_of(choice, fields)
            found[at : at + 4] = struct.pack("<I", one_of(choice, EXTREMES) % 2**32)
    return bytes(found)


def checkpoint(choice: Choice) -> bytes:
    """Build a checkpoint as `torch.save` writes them: a pickle and stored numbers in an archive."""
    made = Pickled(choice)
    made.out[1] = 2
    made.out += b"}("
    for k in range(choice.whole(1, 3)):
        made.text(f"layer{k}.weight")
        if odd(choice, 4):
            made.value()
            continue
        edge = 9
        whole = [number(choice, n, 2**31 - 1) for n in (edge * edge, 0, edge, edge, edge, 1)]
        numel, *places = (b"J" + struct.pack("<i", n) for n in whole)
        made.out += b"ctorch._utils\n_rebuild_tensor_v2\n(("
        made.text("storage")
        made.out += b"ctorch\n" + one_of(choice, (b"FloatStorage",) * 9 + (b"Tensor",))
        made.out += b"\n"
        made.text(str(k))
        made.text("cpu")
        made.out += numel + b"tQ" + places[0]
        made.out += b"(" + places[1] + places[2] + b"t(" + places[3] + places[4] + b"t"
        made.out += b"\x89ccollections\nOrderedDict\n)RtR"
    made.out += b"u"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", 8 if odd(choice) else 0) as file:
        file.writestr("archive/data.pkl", made.end())
        file.writestr("archive/byteorder", "" if odd(choice) else one_of(choice, ("little", "big")))
        for k in range(3):
            stored = content_of(choice, number(choice, 4 * 81, 900))
            file.writestr(f"archive/data/{k}", stored)
        file.writestr("archive/version", "9" * 99 if odd(choice) else "3\n")
    return buffer.getvalue()


def weights(choice: Choice, valid: bytes) -> bytes:
    """Change the header of a safetensors file: shapes, types, places, configuration."""
    end = 8 + int.from_bytes(valid[:8], "little")
    header = json.loads(valid[8:end])
    names = [name for name in header if name != "__metadata__"]
    for _ in range(choice.whole(1, 3)):
        about = header[one_of(choice, names)]
        kind = choice.whole(0, 4)
        if kind == 0:
            about["shape"] = [number(choice, n, 2**63) for n in about["shape"]] or [0, 2**40]
        elif kind == 1:
            about["dtype"] = one_of(choice, ("F16", "F64", "I64", "BOOL", "F8_E5M2", "X"))
        elif kind == 2:
            about["data_offsets"] = [number(choice, n, 2**63) for n in about["data_offsets"]]
        elif kind == 3:
            header[one_of(choice, NAMES[:8])] = {"dtype": "F32", "shape": [0, 2**40]} | {
                "data_offsets": [0, 0]
            }
        else:
            told = header["__metadata__"]
            told["config"] = json.dumps(record(choice, json.loads(told["config"])))
    text = json.dumps(header).encode()
    return number(choice, len(text), 2**63).to_bytes(8, "little") + text + valid[end:]


def record(choice: Choice, valid: Any) -> Any:
    """Change values in a JSON record, whatever it holds."""
    if odd(choice, 30):
        return value(choice)
    if isinstance(valid, dict):
        found = {key: record(choice, inner) for key, inner in valid.items() if not odd(choice, 60)}
        return found | ({one_of(choice, NAMES[:6]): value(choice)} if odd(choice, 30) else {})
    if isinstance(valid, list) and len(valid) < 100:
        return [record(choice, inner) for inner in valid]
    return valid


def value(choice: Choice, depth: int = 2) -> Any:
    """Give any value that JSON has."""
    kind = choice.whole(0, 8 if depth else 6)
    if kind == 7:
        return [value(choice, depth - 1) for _ in range(choice.whole(0, 4))]
    if kind == 8:
        return {one_of(choice, NAMES[:8]): value(choice, depth - 1) for _ in range(2)}
    plain = (None, True, one_of(choice, EXTREMES), -one_of(choice, EXTREMES), 1e308, 0.5)
    return plain[kind] if kind < 6 else one_of(choice, NAMES).encode("utf-8", "replace").decode()


BUILDERS: dict[str, Callable[[Choice], bytes]] = {
    "TIFF": tiff,
    "PNG": png,
    "NPY": npy,
    "Cellpose": cellpose,
    "zip": archive,
    "published checkpoint": checkpoint,
    "checkpoint": checkpoint,
    "OME-XML": lambda choice: ome_xml(choice).encode("utf-8", "replace"),
}
"""What builds files for the readers of `fuzz_readers.py` by name."""


def build(name: str, choice: Choice, valid: bytes) -> bytes | None:
    """Build a file for a reader; None where there is nothing but damage for it."""
    if name in BUILDERS:
        return BUILDERS[name](choice)
    if name == "weights":
        return weights(choice, valid)
    if valid[:1] == b"{":
        return json.dumps(record(choice, json.loads(valid))).encode()
    return None


def harmful() -> bytes:
    """Give a pickle that does harm where it is read as any pickle: tests can fail."""
    import os

    class Harm:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, (HARM,)

    return pickle.dumps(Harm(), protocol=2)
