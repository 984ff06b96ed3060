"""Image files for tests, some of which no library writes."""

import struct
import zlib
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from maskless.errors import UserError


def saved(file: Path, array: np.ndarray, **options: Any) -> Path:
    """An array as Pillow saves it."""
    Image.fromarray(array).save(file, **options)
    return file


def png(
    file: Path,
    width: int,
    height: int,
    bits: int,
    colour_type: int,
    rows: bytes,
    chunks: Iterable[tuple[bytes, bytes]] = (),
    late_chunks: Iterable[tuple[bytes, bytes]] = (),
) -> Path:
    """A PNG written by hand, each row after a filter byte; chunks stand before or after the pixels."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    written = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), *late_chunks, (b"IEND", b"")]
    parts = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in written
    )
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return file


def png_of(file: Path, pixels: np.ndarray, **chunks: Any) -> Path:
    """A PNG of uint8 or uint16 pixels: (H, W), or (H, W, 2 to 4) for grey and alpha, RGB, RGB and alpha."""
    height, width, channels = (*pixels.shape, 1)[:3]
    big_endian = pixels.astype(pixels.dtype.newbyteorder(">"))
    rows = b"".join(b"\0" + row.tobytes() for row in big_endian)
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    return png(file, width, height, 8 * pixels.itemsize, kind, rows, **chunks)


def cmyk_profile() -> bytes:
    """An ICC profile of inks that make greys: L* = 100 (1 - K) (1 - (C + M + Y) / 3)."""
    corners = b"".join(
        bytes((round(255 * (1 - k) * (1 - (c + m + y) / 3)), 128, 128))
        for c, m, y, k in product((0, 1), repeat=4)
    )
    straight = bytes(range(256))
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + matrix + 4 * straight + corners + 3 * straight
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    entries, offset = b"", 128 + 4 + 2 * 12
    for name, data in ((b"A2B0", table), (b"wtpt", white)):
        entries += name + struct.pack(">II", offset, len(data))
        offset += len(data)
    head = struct.pack(">I4sI4s4s4s", offset, b"\0" * 4, 0x02400000, b"prtr", b"CMYK", b"Lab ")
    head += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    head += struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", 2) + entries + table + white


def refused_or_equal(read: Callable[[Path], np.ndarray], file: Path, whole: np.ndarray) -> None:
    """The file is refused by name, unless only what the pixels do not need was damaged."""
    sentence = ""
    pixels = whole
    try:
        pixels = read(file)
    except UserError as error:
        sentence = str(error)
    assert not sentence or str(file) in sentence
    np.testing.assert_array_equal(pixels, whole)
