"""Outlines of nuclei as the `d` of one SVG path."""

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from maskless.writers.outlines import outlines


def outline_path(instances: npt.NDArray[Any]) -> str:
    """The outlines of `instances`, integers (H, W), 0 = background, as the `d` of one SVG path, in px.

    They are exact, along the sides of the pixels; two touching nuclei share theirs. Holes run the other way
    round than what is around them, so the path can be filled as it is.
    """
    return "".join(
        _ring(shapely.get_coordinates(ring).astype(np.int64))
        for _, shape in outlines(instances)
        for polygon in getattr(shape, "geoms", (shape,))
        for ring in (polygon.exterior, *polygon.interiors)
    )


def _ring(corners: npt.NDArray[np.int64]) -> str:
    """A closed ring of (x, y) whose sides run along the axes: from its first corner, step by step."""
    steps = np.diff(corners[:-1], axis=0).tolist()
    return f"M{corners[0][0]} {corners[0][1]}" + "".join(f"h{x}" if x else f"v{y}" for x, y in steps) + "z"
