"""Files changed at random, by a seed: what a bad disk, a bad program or a bad person makes of them."""

import gzip
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence

import numpy as np

Way = Callable[[bytes, np.random.Generator], bytes]
#: Numbers that programs stumble over.
_NUMBERS = (
    b"0", b"-1", b"1e308", b"-1e-320", b"nan", b"inf", b"255", b"65536", b"2147483648", b"4294967296",
    b"18446744073709551616", b"9" * 40, b"0x10", b"1_0", b"", b"1,5", b"2020-13-45", b"true", b"null",
)  # fmt: skip
#: What has a meaning in one text format or another.
_PIECES = (
    b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\\ud800", b"<", b"&", b"&lol;", b"<!DOCTYPE a [", b"'", b'"',
    b"\n", b",,", b"{", b"}", b"[" * 3000, b"{a: " * 3000, b'{"a":' * 3000, b"<a>" * 3000, b"*a", b"&a ",
    b"!!python/object:os.system ", b"../../", b"null", b"[]", b"{}", b"~", b": ", b"- ",
    b"_target_: os.system\n",
)  # fmt: skip
_WORDS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)


def mutated(data: bytes, kind: str, rng: np.random.Generator) -> bytes:
    """`data`, a file of a `kind` ('png', 'json', ...), with one to three things in it changed.

    The checksums of half of the PNGs, and what is packed in half of the archives, are made to fit again, so
    that the change comes through to what reads the content.
    """
    if kind == "gz":
        if rng.random() < 0.5:
            return _some(data, _OF_BYTES, rng)
        return gzip.compress(mutated(gzip.decompress(data), "json", rng))
    if kind == "zip" and rng.random() < 0.5:
        return _in_archive(data, rng)
    if kind == "safetensors" and rng.random() < 0.5:
        (length,) = struct.unpack("<Q", data[:8])
        head = _some(data[8 : 8 + length], (*_OF_TEXT, *_OF_BYTES), rng)
        return struct.pack("<Q", len(head)) + head + data[8 + length :]
    texts = kind in ("xml", "json", "csv", "yaml")
    changed = _some(data, (*_OF_TEXT, *_OF_TEXT, *_OF_BYTES) if texts else _OF_BYTES, rng)
    return _with_checksums(changed) if kind == "png" and rng.random() < 0.5 else changed


def _some(data: bytes, ways: Sequence[Way], rng: np.random.Generator) -> bytes:
    for _ in range(rng.integers(1, 4)):
        data = ways[rng.integers(len(ways))](data, rng)
    return data


def _place(data: bytes, rng: np.random.Generator) -> int:
    """Anywhere, and as often as not near the beginning, where headers are."""
    most = len(data) if rng.random() < 0.5 else min(len(data), 300)
    return int(rng.integers(most + 1))


def _flip(data: bytes, rng: np.random.Generator) -> bytes:
    array = np.frombuffer(data, np.uint8).copy()
    for _ in range(rng.integers(1, 9)):
        if len(array):
            array[_place(data, rng) % len(array)] ^= np.uint8(1 << rng.integers(8))
    return array.tobytes()


def _cut_short(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: rng.integers(len(data) + 1)]


def _insert(data: bytes, rng: np.random.Generator) -> bytes:
    at = _place(data, rng)
    return data[:at] + rng.bytes(int(rng.integers(1, 20))) + data[at:]


def _block(data: bytes, rng: np.random.Generator) -> tuple[int, int]:
    at = _place(data, rng)
    return at, at + int(rng.integers(1, 200))


def _duplicate(data: bytes, rng: np.random.Generator) -> bytes:
    first, last = _block(data, rng)
    return data[:last] + data[first:last] + data[last:]


def _drop(data: bytes, rng: np.random.Generator) -> bytes:
    first, last = _block(data, rng)
    return data[:first] + data[last:]


def _blank(data: bytes, rng: np.random.Generator) -> bytes:
    first, last = _block(data, rng)
    return data[:first] + bytes(len(data[first:last])) + data[last:]


def _word(data: bytes, rng: np.random.Generator) -> bytes:
    """A whole number of 2, 4 or 8 bytes, as headers have them, becomes one that is small or enormous."""
    size = int(rng.choice([2, 4, 8]))
    value = int(_WORDS[rng.integers(len(_WORDS))]) % 256**size
    at = _place(data, rng)
    return data[:at] + value.to_bytes(size, "little" if rng.random() < 0.5 else "big") + data[at + size :]


def _number(data: bytes, rng: np.random.Generator) -> bytes:
    """A number in a text becomes another."""
    found = list(re.finditer(rb"-?\d+(\.\d+)?", data))
    if not found:
        return data
    one = found[rng.integers(len(found))]
    return data[: one.start()] + _NUMBERS[rng.integers(len(_NUMBERS))] + data[one.end() :]


def _piece(data: bytes, rng: np.random.Generator) -> bytes:
    at = _place(data, rng)
    return data[:at] + _PIECES[rng.integers(len(_PIECES))] + data[at:]


def _value(data: bytes, rng: np.random.Generator) -> bytes:
    """What stands between two separators becomes something of another kind."""
    found = list(re.finditer(rb"[^\s,:=\[\]{}<>\"]+", data))
    if not found:
        return data
    one = found[rng.integers(len(found))]
    others = (*_PIECES, *_NUMBERS)
    return data[: one.start()] + others[rng.integers(len(others))] + data[one.end() :]


def _swap_lines(data: bytes, rng: np.random.Generator) -> bytes:
    lines = data.split(b"\n")
    i, j = rng.integers(len(lines), size=2)
    lines[i], lines[j] = lines[j], lines[i]
    return b"\n".join(lines)


_OF_BYTES = (_flip, _cut_short, _insert, _duplicate, _drop, _blank, _word)
_OF_TEXT = (_number, _piece, _value, _swap_lines)


def _with_checksums(data: bytes) -> bytes:
    """A PNG with the checksums that its chunks, such as they are, should have."""
    made, at = [data[:8]], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        body = data[at + 4 : at + 8 + length]
        made.append(data[at : at + 4] + body + struct.pack(">I", zlib.crc32(body)))
        at += 12 + length
    return b"".join([*made, data[at:]])


def _in_archive(data: bytes, rng: np.random.Generator) -> bytes:
    """An archive of which one file is changed, the rest as it was: not packed, as PyTorch has it."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        names = old.namelist()
        pickles = [name for name in names if name.endswith("data.pkl")]
        chosen = pickles[0] if pickles and rng.random() < 0.8 else names[rng.integers(len(names))]
        for name in names:
            content = old.read(name)
            new.writestr(name, _some(content, _OF_BYTES, rng) if name == chosen else content)
    return made.getvalue()
