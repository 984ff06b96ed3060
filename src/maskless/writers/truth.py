"""Pictures of a truth: the image with whatever is known of its nuclei drawn on it."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maskless.writers.overlay import GREEN, Colour, outline_overlay

#: One a class, in the order of their names, then anew. Bright, because tissue is dull; green is the one that
#: stands out best, so that it is also the colour where there are no classes.
COLOURS: Mapping[str, Colour] = {
    "green": GREEN,
    "magenta": (255, 0, 255),
    "cyan": (0, 255, 255),
    "yellow": (255, 255, 0),
    "red": (255, 0, 0),
    "white": (255, 255, 255),
}
_DOT_RADIUS_PX = 3


def colour_names(classes: Sequence[str]) -> dict[str, str]:
    """The word for the colour that `truth_overlay` draws each class in, given all classes there are."""
    words = list(COLOURS)
    return {name: words[k % len(words)] for k, name in enumerate(sorted(set(classes)))}


def truth_overlay(
    image: npt.NDArray[np.uint8],
    *,
    instances: npt.NDArray[Any] | None = None,
    mask: npt.NDArray[np.uint8] | None = None,
    points: npt.NDArray[np.float32] | None = None,
    classes: Mapping[int, str] | None = None,
    region: npt.NDArray[np.uint8] | None = None,
    colours: Mapping[str, str] | None = None,
) -> npt.NDArray[np.uint8]:
    """A copy of `image`, uint8 (H, W, 3), RGB, with the outlines of nuclei and a dot on each point.

    `instances` is (H, W), integers, 0 = background; `mask` uint8 (H, W), 0 or 1, drawn where there are no
    instances; `points` float32 (N, 2), (row, column) in px, drawn where there are no instances. `classes` has
    the class of an id, or of the row of a point, drawn in the colour that `colours` has a word for
    (`colour_names`). Outside `region`, uint8 (H, W), 1 where the annotation is complete, the image is faded.
    """
    drawn = image.copy()
    if region is not None:
        outside = region == 0
        drawn[outside] = drawn[outside] // 3 + 170
    of_class = {word: COLOURS[(colours or {}).get(word, "green")] for word in (classes or {}).values()}
    if instances is not None:
        return _outlined(drawn, instances, classes or {}, of_class)
    if mask is not None:
        drawn = outline_overlay(drawn, mask)
    if points is not None:
        for k, (row, column) in enumerate(np.rint(points).astype(int).tolist()):
            colour = of_class[classes[k]] if classes and k in classes else GREEN
            cv2.circle(drawn, (column, row), _DOT_RADIUS_PX + 1, (0, 0, 0), cv2.FILLED)
            cv2.circle(drawn, (column, row), _DOT_RADIUS_PX, colour, cv2.FILLED)
    return drawn


def _outlined(
    image: npt.NDArray[np.uint8],
    instances: npt.NDArray[Any],
    classes: Mapping[int, str],
    of_class: Mapping[str, Colour],
) -> npt.NDArray[np.uint8]:
    """Outlines in green, then those of each class over them in its own colour."""
    drawn = outline_overlay(image, instances)
    for word, colour in of_class.items():
        ids = [k for k, name in classes.items() if name == word]
        drawn = outline_overlay(drawn, np.where(np.isin(instances, ids), instances, 0), colour)
    return drawn
