"""Where the objects of a label map lie."""

import numpy as np
from numpy.typing import NDArray

from maskless.metrics.labels import Labels, compact, runs


def boxes(labels: Labels) -> NDArray[np.int64]:
    """The bounding box of each object of a label map (H, W), by ascending id: int64 (N, 4), px.

    A box is (row0, row1, column0, column1) with the ends excluded, so that `labels[row0:row1,
    column0:column1]` holds the object, all pieces of it. Ids may be as large as their dtype allows.
    """
    start, length_px = runs(labels)
    ids, index = compact(labels.ravel()[start])
    row, column = np.divmod(start, labels.shape[1])
    found = np.empty((len(ids), 4), np.int64)
    found[:, 0::2], found[:, 1::2] = max(labels.shape), 0
    np.minimum.at(found[:, 0], index, row)
    np.maximum.at(found[:, 1], index, row + 1)
    np.minimum.at(found[:, 2], index, column)
    np.maximum.at(found[:, 3], index, column + length_px)
    return found[1:]
