"""Morphology of masks (H, W) with a disk: bool on the way out, non-zero where set on the way in.

`outside` says what is beyond the image. 'ignored', the default: nothing, so that a nucleus which the border
cuts is not eroded from there; every erosion then sees what an image continued by foreground would show it,
and every dilation what one continued by background would. 'background': each operation sees background, also
the second one of an opening or a closing. So it is in scipy.ndimage and in the code of several papers, where
an erosion, an opening and a closing all empty a frame as wide as the disk's radius.
"""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from maskless.postprocess.disk import disk

Mask = NDArray[np.bool_]
Outside = Literal["ignored", "background"]


def erosion(mask: NDArray, *, radius_px: int, outside: Outside = "ignored") -> Mask:
    """Where a disk around the pixel lies wholly in `mask`. See the module for `outside`."""
    return _eroded(_uint8(mask), radius_px, outside).astype(bool)


def opening(mask: NDArray, *, radius_px: int, outside: Outside = "ignored") -> Mask:
    """Erosion, then dilation by a disk: what a disk inside `mask` can reach. See the module for `outside`."""
    return _dilated(_eroded(_uint8(mask), radius_px, outside), radius_px).astype(bool)


def closing(mask: NDArray, *, radius_px: int, outside: Outside = "ignored") -> Mask:
    """Dilation, then erosion by a disk: gaps that no disk fits into are set. See the module for `outside`."""
    return _eroded(_dilated(_uint8(mask), radius_px), radius_px, outside).astype(bool)


def open_close(mask: NDArray, *, radius_px: int, outside: Outside = "ignored") -> Mask:
    """Opening, then closing by the same disk: specks and spikes go, then gaps. See the module for `outside`.

    One step, so that its radius is one number, as in the papers that smooth masks so.
    """
    opened = opening(mask, radius_px=radius_px, outside=outside)
    return closing(opened, radius_px=radius_px, outside=outside)


def _eroded(mask: NDArray[np.uint8], radius_px: int, outside: Outside) -> NDArray[np.uint8]:
    beyond = 0 if outside == "background" else 1  # set pixels decide nothing in an erosion
    eroded = cv2.erode(mask, disk(radius_px), borderType=cv2.BORDER_CONSTANT, borderValue=beyond)
    return np.asarray(eroded, np.uint8)


def _dilated(mask: NDArray[np.uint8], radius_px: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.dilate(mask, disk(radius_px)), np.uint8)


def _uint8(mask: NDArray) -> NDArray[np.uint8]:
    return np.not_equal(mask, 0).view(np.uint8)
