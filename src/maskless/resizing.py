"""Images and labels at another size."""

from itertools import product

import cv2
import numpy as np

#: More (about 12,000 x 12,000) are not held at once: a tiny file can claim to be enormous.
MAX_PIXELS = 150_000_000

_WEIGHTS = (1, 2, 2, 1)  # of four pixels in a row, by which a centre between the middle two goes
_BAND_ROWS = 256  # of labels resized at once, for memory's sake


def resized(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A (h, w) or (h, w, 3) array at another size: area means when shrinking, linear when enlarging."""
    shrinks = shape[0] * shape[1] < array.shape[0] * array.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(array, shape[1::-1], interpolation=how))


def resized_labels(labels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Labels or a mask (h, w) at another size (H, W), each pixel from the pixel that holds its centre.

    Where labels are made smaller, a centre can lie between pixels, as at half the size. To take the pixel on
    one side would move every nucleus. So the two count, and half as much the next beyond them: the label of
    most weight has the pixel, and of several the largest id, so that no direction decides.
    """
    if labels.shape == shape:
        return labels
    rows, cols = (_around_centres(old, new) for old, new in zip(labels.shape, shape, strict=True))
    if labels.size < np.prod(shape):
        return labels[rows[:, 2, None], cols[:, 2]]
    bands = (rows[top : top + _BAND_ROWS] for top in range(0, shape[0], _BAND_ROWS))
    return np.concatenate([_weightiest(labels, band, cols) for band in bands])


def _around_centres(old: int, new: int) -> np.ndarray:
    """Which of `old` pixels along an axis count for each of `new`, (new, 4): of weights `_WEIGHTS`.

    All four are the pixel that holds the centre, unless this lies between two.
    """
    centres = (2 * np.arange(new) + 1) * old  # in 1 / (2 new) of an old pixel
    before, after = (centres - 1) // (2 * new), centres // (2 * new)
    gap = after - before
    return np.clip(np.stack([before - gap, before, after, after + gap], axis=1), 0, old - 1)


def _weightiest(labels: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """The label of most weight, (H, W), where `rows` (H, 4) cross `cols` (W, 4); of several the largest."""
    result = labels[rows[:, 1, None], cols[:, 1]]
    mixed = np.zeros(result.shape, bool)  # few pixels are: those on outlines
    for row in rows.T:
        in_rows = labels[row]
        for col in cols.T:
            mixed |= in_rows.take(col, axis=1) != result
    i, j = np.nonzero(mixed)
    samples = [labels[row[i], col[j]] for row, col in product(rows.T, cols.T)]
    weights = [a * b for a, b in product(_WEIGHTS, _WEIGHTS)]
    best, most = result[i, j], np.zeros(len(i), int)
    for label in samples:
        weight = sum(w * (sample == label) for w, sample in zip(weights, samples, strict=True))
        better = (weight > most) | ((weight == most) & (label > best))
        best, most = np.where(better, label, best), np.where(better, weight, most)
    result[i, j] = best
    return result
