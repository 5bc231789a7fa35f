"""Files as other programs write them, byte by byte where no library writes them."""

import struct
import zlib

import numpy as np
import tifffile

SECTION = np.random.default_rng(0).integers(0, 200, (24, 37)).astype(np.uint8)
LABELS = np.zeros((24, 37), np.uint8)
LABELS[3:12, 4:15], LABELS[10:20, 20:33] = 1, 2


def png(path, array, bits=None, palette=None, filters=None, extra=b""):
    """Write a PNG file of grey, grey + opacity, RGB or RGBA; grey or indices in fewer bits."""
    height, width = array.shape[:2]
    channels = 1 if array.ndim == 2 else array.shape[2]
    if bits is not None and bits < 8:
        unpacked = np.unpackbits(array[..., None], axis=2)[..., 8 - bits :]
        rows = np.packbits(unpacked.reshape(height, -1), axis=1)
    else:
        bits = 8 * array.dtype.itemsize
        rows = np.frombuffer(array.astype(array.dtype.newbyteorder(">")).tobytes(), np.uint8)
        rows = rows.reshape(height, -1)
    step = max(bits // 8, 1) * channels
    lines = [
        filtered(rows, y, step, filters[y % len(filters)] if filters else 0) for y in range(height)
    ]
    colour = 3 if palette is not None else {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    plte = b"" if palette is None else chunk(b"PLTE", np.asarray(palette, np.uint8).tobytes())
    pixels = chunk(b"IDAT", zlib.compress(b"".join(lines)))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + plte + pixels + chunk(b"IEND", b"")
    )


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def filtered(rows, y, step, kind):
    """Filter a row by the definition in the PNG specification, byte after byte."""
    row = rows[y].astype(int)
    up = rows[y - 1].astype(int) if y else np.zeros_like(row)
    left = np.concatenate([np.zeros(step, int), row[:-step]])
    corner = np.concatenate([np.zeros(step, int), up[:-step]])
    paeth = [
        min((abs(a + b - c - v), n, v) for n, v in enumerate((a, b, c)))[2]
        for a, b, c in zip(left, up, corner, strict=True)
    ]
    guess = [0 * row, left, up, (left + up) // 2, np.array(paeth)][kind]
    return bytes([kind]) + ((row - guess) & 255).astype(np.uint8).tobytes()


def ome_xml(images, uuid):
    """Describe images: (shape in ZYX, size in um, [(file, uuid, first page)] for each plane)."""
    text = ""
    for number, (shape, size, planes) in enumerate(images):
        data = "".join(
            f'<TiffData IFD="{page}" FirstZ="{z}" FirstC="0" FirstT="0" PlaneCount="1">'
            f'<UUID FileName="{file}">{which}</UUID></TiffData>'
            for z, (file, which, page) in enumerate(planes)
        )
        text += (
            f'<Image ID="Image:{number}" Name="Pos{number}"><Pixels DimensionOrder="XYZCT" '
            f'Type="uint8" SizeX="{shape[2]}" SizeY="{shape[1]}" SizeZ="{shape[0]}" SizeC="1" '
            f'SizeT="1" PhysicalSizeX="{size}" PhysicalSizeY="{size}" PhysicalSizeZ="0.5">'
            f"{data}</Pixels></Image>"
        )
    return (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        f'UUID="{uuid}">{text}</OME>'
    )


def position_set(folder, stacks, sizes, compression=None):
    """Write a file a position, each with the description of all."""
    images = [
        (stack.shape, size, [(f"p{k}.ome.tif", f"urn:uuid:{k}", z) for z in range(len(stack))])
        for k, (stack, size) in enumerate(zip(stacks, sizes, strict=True))
    ]
    for k, stack in enumerate(stacks):
        pages(folder / f"p{k}.ome.tif", stack, ome_xml(images, f"urn:uuid:{k}"), compression)


def plane_set(folder, stack):
    """Write a file a plane, each with the description of the stack."""
    planes = [(f"z{k}.ome.tif", f"urn:uuid:{k}", 0) for k in range(len(stack))]
    for k, plane in enumerate(stack):
        pages(
            folder / f"z{k}.ome.tif",
            [plane],
            ome_xml([(stack.shape, 0.2, planes)], f"urn:uuid:{k}"),
        )


def pages(path, planes, xml, compression=None):
    with tifffile.TiffWriter(path) as out:
        for k, plane in enumerate(planes):
            about = xml.encode() if k == 0 else None
            out.write(plane, description=about, metadata=None, compression=compression)


def packed_tiff(path, array, bits, photometric=1, palette=None):
    """Write an uncompressed TIFF file of 2, 4 or 12 bits a pixel."""
    height, width = array.shape
    big = array.astype(">u2").view(np.uint8).reshape(height, width, 2)
    rows = np.packbits(np.unpackbits(big, axis=2)[..., 16 - bits :].reshape(height, -1), axis=1)
    data, tags = rows.tobytes(), [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, bits), (259, 3, 1, 1),
        (262, 3, 1, photometric), (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height),
        (279, 4, 1, rows.size),
    ]  # fmt: skip
    if palette is not None:
        tags.append((320, 3, 3 * 2**bits, 8 + len(data)))
        data += np.asarray(palette, "<u2").tobytes()
    ifd = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(data)) + data + ifd + b"\0\0\0\0")
