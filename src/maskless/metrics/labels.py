"""What every metric asks of a label map, and the form in which one is counted quickly: its runs."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Labels = NDArray[np.integer[Any]]  #: (H, W), 0 = background, any other value the id of an object
Inside = NDArray[np.bool_]  #: (H, W), where the annotation is complete


def checked_maps(
    true: ArrayLike, pred: ArrayLike, region: ArrayLike | None = None
) -> tuple[Labels, Labels, Inside | None]:
    """The two maps and the region as arrays of one shape.

    `true` and `pred` are label maps (H, W) of any integer dtype, ids 0 (background) and up, not necessarily
    consecutive. `region` is boolean or integer (H, W), not 0 = inside, or None for everywhere. Raises
    ValueError for another dtype or number of axes, no pixels, a negative id, and shapes that differ.
    """
    truth, prediction = checked_labels(true, "true"), checked_labels(pred, "pred")
    if truth.shape != prediction.shape:
        raise ValueError(f"true is {truth.shape} and pred is {prediction.shape}: they must be of one shape")
    if region is None:
        return truth, prediction, None
    inside = checked_region(region)
    if inside.shape != truth.shape:
        raise ValueError(f"region is {inside.shape} and true is {truth.shape}: they must be of one shape")
    return truth, prediction, inside


def checked_labels(labels: ArrayLike, name: str) -> Labels:
    """A label map (H, W) as an array; `name` is for messages. Raises ValueError as `checked_maps` does."""
    array = np.asarray(labels)
    if array.ndim != 2 or not array.size:
        raise ValueError(
            f"{name} must be a label map (H, W) with pixels, not an array of shape {array.shape}"
        )
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must hold integer ids, one an object, not {array.dtype}")
    if array.min() < 0:
        raise ValueError(f"{name} has the id {array.min()}: ids are 0 (background) and up")
    return array


def checked_region(region: ArrayLike) -> Inside:
    """A region (H, W), boolean or integer, as boolean: not 0 = inside. Raises ValueError for any other."""
    array = np.asarray(region)
    if array.ndim != 2 or not (array.dtype == bool or np.issubdtype(array.dtype, np.integer)):
        raise ValueError(f"region must be boolean or integer (H, W), not {array.dtype} {array.shape}")
    return array != 0


def runs(*maps: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cut maps of one shape (H, W) into the longest runs along a row in which no map changes its value.

    Gives where each run starts in the flattened maps, and its length in px, both int64 (N,). There are far
    fewer runs than pixels, so what is counted over runs does not care how large an id is: no table as long
    as the largest id, no sorting of pixels.
    """
    changes = np.zeros(maps[0].shape, bool)
    changes[:, :1] = True
    for values in maps:
        changes[:, 1:] |= values[:, 1:] != values[:, :-1]
    start = np.flatnonzero(changes)
    return start, np.diff(start, append=changes.size)


def compact(values: Labels) -> tuple[Labels, NDArray[np.int64]]:
    """The ids in `values` (N,), ascending, after a 0 that is always there; and the index of each value."""
    ids, index = np.unique(np.append(values.dtype.type(0), values), return_inverse=True)
    return ids, index[1:]
