"""Label maps: the ids of the nuclei as an image that ImageJ, QuPath and Python read."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import tifffile

from maskless.atomic import atomic, write_atomically
from maskless.errors import UserError


def write_labels(path: str | Path, instances: npt.NDArray[Any]) -> None:
    """Write `instances` (H, W), any integers >= 0, as a deflate-compressed TIFF with the same ids.

    The file is uint16 if the ids fit (the largest is 65535), else uint32. Raises ValueError for what is no
    label map, and UserError if the file cannot be written.
    """
    labels = _smallest(instances)
    with atomic(path) as file:
        tifffile.imwrite(
            file, labels, photometric="minisblack", compression="zlib", metadata=None, software="maskless"
        )


def write_label_png(path: str | Path, instances: npt.NDArray[Any]) -> None:
    """Write `instances` (H, W), integers from 0 to 65535, as a uint16 PNG with the same ids.

    Raises ValueError for what is no label map, UserError for larger ids or if the file cannot be written.
    """
    labels = _smallest(instances)
    if labels.dtype != np.uint16:
        raise UserError(
            f"{path} cannot hold ids up to {labels.max()}: PNG ends at 65535, write a TIFF instead"
        )
    _, png = cv2.imencode(".png", labels)
    write_atomically(path, png.tobytes())


def _smallest(instances: npt.NDArray[Any]) -> npt.NDArray[np.unsignedinteger[Any]]:
    if instances.ndim != 2 or not np.issubdtype(instances.dtype, np.integer):
        raise ValueError(f"a label map is (H, W) of integers, not {instances.shape} of {instances.dtype}")
    low, high = int(instances.min(initial=0)), int(instances.max(initial=0))
    if low < 0 or high >= 2**32:
        raise ValueError(f"ids from {low} to {high} are outside 0 to {2**32 - 1}")
    return instances.astype(np.uint16 if high < 2**16 else np.uint32)
