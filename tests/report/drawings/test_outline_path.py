import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from maskless.report.drawings.outline_path import outline_path

label_maps = npst.arrays(
    np.int32, npst.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.integers(0, 3)
)


def corners_of(path: str) -> list[list[tuple[int, int]]]:
    """The rings of an SVG path of M, h, v and z, each as its corners (x, y)."""
    rings = []
    for ring in re.findall(r"M(-?\d+) (-?\d+)((?:[hv]-?\d+)*)z", path):
        x, y = int(ring[0]), int(ring[1])
        corners = [(x, y)]
        for axis, step in re.findall(r"([hv])(-?\d+)", ring[2]):
            x, y = (x + int(step), y) if axis == "h" else (x, y + int(step))
            corners.append((x, y))
        rings.append(corners)
    return rings


def area_px(path: str) -> int:
    """What a path encloses, less its holes, px."""
    doubled = 0
    for corners in corners_of(path):
        sides = zip(corners, [*corners[1:], corners[0]], strict=True)
        doubled += sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in sides)
    return abs(doubled) // 2


@given(label_maps)
def test_an_outline_encloses_its_pixels_and_follows_their_sides(instances):
    path = outline_path(instances)
    rings = corners_of(path)
    assert "".join(re.findall(r"[Mz]", path)) == "Mz" * len(rings)
    length = 0
    for corners in rings:
        sides = list(zip(corners, [*corners[1:], corners[0]], strict=True))
        assert all((x0 == x1) != (y0 == y1) for (x0, y0), (x1, y1) in sides)
        length += sum(abs(x1 - x0) + abs(y1 - y0) for (x0, y0), (x1, y1) in sides)
    padded = np.pad(instances, 1)
    beyond = [np.roll(padded, shift, axis) for shift in (1, -1) for axis in (0, 1)]
    assert area_px(path) == np.count_nonzero(instances)
    assert length == sum(np.count_nonzero((padded > 0) & (padded != other)) for other in beyond)


def test_an_empty_map_has_no_outline():
    assert outline_path(np.zeros((4, 4), np.int32)) == ""
