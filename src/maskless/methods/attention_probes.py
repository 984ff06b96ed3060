"""Questions to an attention map and its classifier: is it on the nuclei, and does the classifier need them?

A picture that was made smaller carries traces of that, by which its power can be told without a nucleus. What
is a nucleus here is what an Otsu threshold of haematoxylin takes for one: nobody has drawn any.
"""

from collections.abc import Callable
from math import nan

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import rankdata
from torch import Tensor, nn

from maskless.data.stained import stained

#: The shares of its pixels between which an image's nuclei are looked for.
_SHARES = (0.03, 0.5)
#: The side of the cells of which a crop without nuclei is put together.
_CELL_PX = 16
#: Every so many-th pixel of a row and of a column is looked at for a rank correlation.
_EVERY = 3


def haematoxylin_share(pixels: Tensor) -> Tensor:
    """Which share of each image's pixels is stained by haematoxylin, float32 (B,), 0.03 to 0.5.

    `pixels` is RGB float (B, 3, H, W) in [0, 1].
    """
    images = (255 * pixels.detach()).round().byte().movedim(1, -1).cpu().numpy()
    shares = [np.clip(stained(image)[1].mean(), *_SHARES) for image in images]
    return torch.tensor(shares, dtype=torch.float32, device=pixels.device)


def probes_of(
    pixels: Tensor,
    power: Tensor,
    attended: Callable[[Tensor], tuple[Tensor, Tensor]],
    classifier: nn.Module,
) -> dict[str, float]:
    """The answers for images uint8 (B, H, W, 3) of the powers with the numbers `power`, int64 (B,).

    `attended` gives what the classifier sees of such images, float (B, 3, H, W), and A (B, H, W). Accuracies
    are shares of the images whose power is told rightly: `accuracy_attended` of A * I, `accuracy_hidden` of
    (1 - A) * I, `accuracy_blanked` of A * I where nuclei are painted over with the colour of what is between
    them, `accuracy_no_nuclei` of A * I of a mosaic of the cells with the least haematoxylin.

    `polarity` is the mean over the images of the rank correlation of A and haematoxylin, -1 to 1: below 0,
    the background is lit. An image in which either is the same everywhere is left out; nan if all are.
    """
    arrays = pixels.cpu().numpy()
    found = [stained(image) for image in arrays]
    images, attention = attended(pixels)
    changed = {
        "blanked": [_blanked(image, mask) for image, (_, mask) in zip(arrays, found, strict=True)],
        "no_nuclei": [_mosaic(image, mask) for image, (_, mask) in zip(arrays, found, strict=True)],
    }

    def accuracy(seen: Tensor, by: Tensor) -> float:
        return float((classifier(by.unsqueeze(1) * seen).argmax(1) == power).float().mean())

    answers = {
        "accuracy_attended": accuracy(images, attention),
        "accuracy_hidden": accuracy(images, 1 - attention),
    }
    for name, made in changed.items():
        answers[f"accuracy_{name}"] = accuracy(*attended(torch.from_numpy(np.stack(made)).to(pixels.device)))
    maps = attention.float().cpu().numpy()
    amounts = [amount for amount, _ in found]
    return {**answers, "polarity": polarity(maps, np.stack(amounts))}


def polarity(attention: NDArray[np.floating], amounts: NDArray[np.floating]) -> float:
    """The mean rank correlation of maps (B, H, W) with the amounts of haematoxylin (B, H, W); nan if none."""
    every = (slice(None), slice(None, None, _EVERY), slice(None, None, _EVERY))
    found = [
        _correlation(a.ravel(), b.ravel()) for a, b in zip(attention[every], amounts[every], strict=True)
    ]
    known = [value for value in found if not np.isnan(value)]
    return float(np.mean(known)) if known else nan


def _correlation(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Spearman's, with the mean rank for ties; nan if one of them is constant."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return nan
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])


def _blanked(image: NDArray[np.uint8], nuclei: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The image with its nuclei, and two pixels around them, in the median colour of the rest."""
    hidden = ndimage.binary_dilation(nuclei, iterations=2)
    if hidden.all():
        return image
    colour = np.median(image[~hidden], axis=0)
    return np.where(hidden[..., None], colour, image).astype(np.uint8)


def _mosaic(image: NDArray[np.uint8], nuclei: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """An image of the same size, put together of the quarter of its cells with the fewest stained pixels."""
    side = _CELL_PX
    rows, columns = (length // side for length in nuclei.shape)
    if min(rows, columns) == 0:
        return image

    def cells(array: np.ndarray) -> np.ndarray:
        cut = array[: rows * side, : columns * side]
        return (
            cut.reshape(rows, side, columns, side, -1).swapaxes(1, 2).reshape(rows * columns, side, side, -1)
        )

    covered = cells(nuclei[..., None]).mean(axis=(1, 2, 3))
    free = np.argsort(covered, kind="stable")[: max(1, len(covered) // 4)]
    placed = cells(image)[np.resize(free, rows * columns)].reshape(rows, columns, side, side, 3)
    made = placed.swapaxes(1, 2).reshape(rows * side, columns * side, 3)
    missing = [(0, whole - part) for whole, part in zip(nuclei.shape, made.shape[:2], strict=True)]
    return np.pad(made, [*missing, (0, 0)], mode="wrap")
