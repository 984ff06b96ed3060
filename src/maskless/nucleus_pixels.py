"""The pixels of each nucleus, as runs along rows: what is summed over nuclei is summed over these, once."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Pixels whose values are held at a time.
CHUNK_PX = 2**21


class NucleusPixels:
    """The nuclei of `instances` (H, W), integers, 0 = background, by rising id.

    `ids` is int64 (N,). A run is the part of a row that lies in one nucleus: `nucleus` is its place in `ids`,
    `row` and `col` where it begins, `length` its pixels; int64 (R,) each, in raster order. Background and
    negative numbers are no nuclei. There is no loop over nuclei or pixels, and what is kept grows with the
    runs, some 20 a nucleus. Raises ValueError for what is no label map.
    """

    def __init__(self, instances: NDArray[Any]) -> None:
        if instances.ndim != 2 or instances.dtype.kind not in "iu":
            raise ValueError(f"a label map is (H, W) of integers, not {instances.shape} of {instances.dtype}")
        begins = np.ones(instances.shape, dtype=bool)
        np.not_equal(instances[:, 1:], instances[:, :-1], out=begins[:, 1:])
        start = np.flatnonzero(begins)
        length = np.diff(start, append=instances.size)
        label = instances.ravel()[start]
        inside = label > 0
        start, self.length = start[inside], length[inside]
        self.row, self.col = np.divmod(start, max(instances.shape[1], 1))
        self.shape = instances.shape
        ids, self.nucleus = np.unique(label[inside], return_inverse=True)
        self.ids = ids.astype(np.int64)

    @property
    def area_px(self) -> NDArray[np.int64]:
        """The number of pixels of each nucleus, int64 (N,)."""
        return self.total(self.length).astype(np.int64)

    def total(self, of_runs: NDArray[Any]) -> NDArray[np.float64]:
        """The sum over each nucleus, float64 (N,), of a number a run (R,)."""
        sums = np.bincount(self.nucleus, weights=of_runs, minlength=len(self.ids))
        return sums.astype(np.float64, copy=False)  # without nuclei they would be whole numbers

    def mean(self, image: NDArray[Any], value: Callable[[NDArray[Any]], NDArray[Any]]) -> NDArray[np.float64]:
        """The mean over each nucleus, float64 (N, C), of `value` of its pixels.

        `image` is (H, W, D), uint8 (H, W, 3) for one; `value` takes pixels (n, D) and gives numbers (n, C) or
        (n,).
        Raises ValueError for an image of another size.
        """
        if image.shape[:2] != self.shape:
            raise ValueError(f"the image is {image.shape[:2]} px, its label map {self.shape}")
        pixels = image.reshape(-1, image.shape[-1])
        first = self.row * self.shape[1] + self.col
        before = np.cumsum(self.length) - self.length
        sums = [_columns(value(pixels[:0]))]  # none, but of as many columns
        for runs in _chunks(before):
            length = self.length[runs]
            begins = before[runs] - before[runs.start]
            places = np.repeat(first[runs] - begins, length) + np.arange(length.sum())
            sums.append(np.add.reduceat(_columns(value(pixels[places])), begins, axis=0, dtype=np.float64))
        totals = [self.total(channel) for channel in np.concatenate(sums).T]
        return np.stack(totals, axis=1) / self.area_px[:, None]


def _columns(values: NDArray[Any]) -> NDArray[Any]:
    return values[:, None] if values.ndim == 1 else values


def _chunks(before: NDArray[np.int64]) -> list[slice]:
    """Runs in order, together: as many as begin in the same CHUNK_PX pixels."""
    _, start = np.unique(before // CHUNK_PX, return_index=True)
    return [slice(a, b) for a, b in pairwise([*start, len(before)])]
