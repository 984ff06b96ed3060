"""One marker a nucleus, for a watershed to grow from."""

import cv2
import numpy as np
from numpy.typing import NDArray

from maskless.postprocess.binary import label
from maskless.postprocess.disk import disk


def local_maxima(values: NDArray, mask: NDArray | None = None, *, radius_px: int) -> NDArray[np.int32]:
    """Pixels of `mask` (of the image, if absent) that nothing within `radius_px` exceeds, as markers.

    `values` (H, W) are compared over a disk, in and out of the mask; outside the image there is nothing.
    Equal maxima all count, and those that touch across a side make one marker. int32 (H, W), numbered from
    1 in reading order, 0 elsewhere.
    """
    values = np.ascontiguousarray(values, np.float32)
    highest = values >= cv2.dilate(values, disk(radius_px))
    return label(highest if mask is None else highest & np.not_equal(mask, 0))


def mark_unmarked(markers: NDArray, mask: NDArray) -> NDArray[np.int32]:
    """`markers`, and each connected piece of `mask` that holds none of them as a further marker.

    A watershed gives a piece without a marker to nobody; after this step it becomes a nucleus. Markers are
    integers (H, W), new ones are numbered after the highest; int32 (H, W).
    """
    markers = np.asarray(markers, np.int32)
    pieces = label(mask)
    has_marker = np.zeros(pieces.max(initial=0) + 1, bool)
    has_marker[pieces[markers > 0]] = True
    has_marker[0] = True
    new_id = markers.max(initial=0) + np.cumsum(~has_marker)
    return np.where(has_marker[pieces], markers, new_id[pieces]).astype(np.int32)
