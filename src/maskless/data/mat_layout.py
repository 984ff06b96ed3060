"""Whether a MAT file (MATLAB 5 to 7.2) is put together as SciPy's reader trusts that it is.

That is in C, and a single bit that is wrong in a tag can end the process. The format: MathWorks, "MAT-File
Format", 2023, chapter 1.
"""

import struct
import zlib
from collections.abc import Iterator

_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
#: Types of data, and how many bytes a number of theirs has (of texts, a unit).
_BYTES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8, 16: 1, 17: 2, 18: 4}
#: Cells in cells in cells ...
_MOST_DEEP = 20


def refuse_malformed(data: bytes, most_bytes: int) -> None:
    """Raise ValueError for a file whose tags do not fit together, or that unpacks to more than `most_bytes`.

    A file of MATLAB 4 or of 7.3 is left to others.
    """
    if len(data) < _HEADER_BYTES or 0 in data[:4] or data[125 if data[126:127] == b"I" else 124] == 2:
        return  # as SciPy tells them apart
    order = "<" if data[126:128] == b"IM" else ">"
    left = most_bytes
    for kind, content in _elements(memoryview(data)[_HEADER_BYTES:], order):
        if kind == _COMPRESSED:
            unpacker = zlib.decompressobj()
            unpacked = unpacker.decompress(content, left)
            left -= len(unpacked)
            if not unpacker.eof or left <= 0:
                raise ValueError("a variable is cut short, or too large")
            for inner, variable in _elements(memoryview(unpacked), order):
                _refuse(inner, variable, order, 0)
        else:
            _refuse(kind, content, order, 0)


def _refuse(kind: int, content: memoryview, order: str, deep: int) -> None:
    """Raise ValueError for an element that is neither an array nor plain data."""
    if kind == _MATRIX:
        if deep > _MOST_DEEP:
            raise ValueError("cells are nested too deep")
        for inner, part in _elements(content, order):
            _refuse(inner, part, order, deep + 1)
    elif kind not in _BYTES or len(content) % _BYTES[kind]:
        raise ValueError(f"data of the type {kind} with {len(content)} bytes")


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Type and content of the elements that follow each other in `data`, which they fill to its end."""
    at = 0
    while at < len(data):
        if at + 8 > len(data):
            raise ValueError("an element is cut short")
        kind, size = struct.unpack(f"{order}2I", data[at : at + 8])
        begin = at + 8
        if kind >> 16:  # up to four bytes stand in the tag itself
            kind, size, begin = kind & 0xFFFF, kind >> 16, at + 4
            if size > 4:
                raise ValueError("an element is larger than its place")
        if begin + size > len(data):
            raise ValueError("an element is cut short")
        yield kind, data[begin : begin + size]
        at = max(begin + size, at + 8)
        if kind != _COMPRESSED:
            at += -at % 8
