"""What a paper's code does to a label map before it scores: other objects from the same pixels."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.measure import label

from maskless.metrics.labels import Labels, checked_maps

Neighbours = Literal[4, 8]


def relabel(labels: ArrayLike, neighbours: Neighbours = 8) -> NDArray[np.int32]:
    """Number the connected pieces of equal ids: an id in two pieces becomes two objects; ids that touch stay
    apart.

    `labels` is a label map (H, W) as in `overlap`. Pixels are neighbours at a side (4), or at a side or
    corner (8, what scikit-image does if not told otherwise). Returns int32 (H, W), 0 = background, numbered 1
    and up in reading order of each object's first pixel. Raises ValueError for what is no label map.
    """
    return _components(checked_maps(labels, labels)[0], neighbours)


def relabel_mask(labels: ArrayLike, neighbours: Neighbours = 8) -> NDArray[np.int32]:
    """Number the connected pieces of nucleus-or-not, as `relabel`: objects that touch become one.

    What official code does to a truth that it reads as a mask.
    """
    return _components((checked_maps(labels, labels)[0] > 0).view(np.uint8), neighbours)


def _components(labels: Labels, neighbours: Neighbours) -> NDArray[np.int32]:
    return label(labels, background=0, connectivity={4: 1, 8: 2}[neighbours]).astype(np.int32)
