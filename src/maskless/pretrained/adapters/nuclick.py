"""NuClick (Alemi Koohbanani et al. 2020; tiatoolbox 2.1): a nucleus from a click in it."""

from collections.abc import Callable

import numpy as np

_SIDE = 128  # px of the patch around a click that the network was trained on


def load(
    weights: str,
    device: str,
    thresh: float = 0.33,
    min_size: int = 10,
    min_hole_size: int = 30,
    batch: int = 16,
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A file of weights of TIAToolbox's nuclick_original-pannuke.

    The function takes the clicks too, float (N, 2), rows and columns in px. Label k + 1 is the nucleus of the
    k-th click; where two nuclei overlap, a pixel is of the more probable one.
    """
    import torch
    from tiatoolbox.models.architecture import get_pretrained_model

    model, _ = get_pretrained_model("nuclick_original-pannuke", pretrained_weights=weights)
    model = model.to(device)

    def segment(image: np.ndarray, points: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        padded = np.pad(
            image, ((0, max(0, _SIDE - height)), (0, max(0, _SIDE - width)), (0, 0)), mode="reflect"
        )
        pixels = np.moveaxis(padded.astype(np.float32) / 255, -1, 0)
        clicks = np.clip(np.rint(points).astype(int), 0, [height - 1, width - 1])
        starts = np.clip(clicks - _SIDE // 2, 0, np.array(padded.shape[:2]) - _SIDE)
        labels = np.zeros(padded.shape[:2], np.int32)
        best = np.zeros(padded.shape[:2], np.float32)
        for k in range(0, len(clicks), batch):
            of_batch = range(k, min(k + batch, len(clicks)))
            given = np.stack([_patch(pixels, clicks, starts[i], i) for i in of_batch])
            probability = model.infer_batch(model, torch.from_numpy(given), device=device)
            for i, one, values in zip(of_batch, given, probability, strict=True):
                # One at a time: of several, its holes and specks would hang together from patch to patch.
                (mask,) = model.postproc(
                    values[None],
                    thresh=thresh,
                    min_size=min_size,
                    min_hole_size=min_hole_size,
                    nuc_points=one[None, 3],
                    do_reconstruction=True,
                )
                row, col = starts[i]
                window = np.s_[row : row + _SIDE, col : col + _SIDE]
                wins = (np.asarray(mask) > 0) & (values > best[window])
                labels[window][wins], best[window][wins] = i + 1, values[wins]
        return labels[:height, :width]

    return segment


def _patch(pixels: np.ndarray, clicks: np.ndarray, start: np.ndarray, of: int) -> np.ndarray:
    """Colours, the click, and the other clicks, float32 (5, side, side)."""
    row, col = start
    inside = clicks - start
    signals = np.zeros((2, _SIDE, _SIDE), np.float32)
    others = (np.arange(len(clicks)) != of) & ((inside >= 0) & (inside < _SIDE)).all(axis=1)
    signals[(0, *inside[of])] = 1
    signals[1][tuple(inside[others].T)] = 1
    return np.concatenate([pixels[:, row : row + _SIDE, col : col + _SIDE], signals])
