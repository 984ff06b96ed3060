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
from maskless.networks.batch_norm import batch_statistics

#: The shares of its pixels between which an image's nuclei are looked for.
_SHARES = (0.03, 0.5)
#: The side of the cells of which a crop without nuclei is put together, and how many of them. Cells of twice
#: the side are between nuclei in one crop of ten at 10x and in nearly all at 40x: what is left would be the
#: power. And it is the same number in all, lest how often one comes back tells it.
_CELL_PX, _CELLS = 8, 16
#: How far from a stained pixel what is taken for background stays.
_MARGIN_PX = 2
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
    (1 - A) * I, `accuracy_no_nuclei` of A * I of a mosaic of 16 of the image's cells, of 8 x 8 px, that have
    no stained pixel in or near them, `accuracy_blanked` of A * I where this mosaic covers the nuclei alone.
    An image with fewer such cells is left out of the last two; an accuracy of fewer than two images is nan.

    The classifier goes by the statistics of the images that it is asked about, for its running averages lag.
    So each accuracy is of a batch with statistics of its own: that of (1 - A) * I, which no training has
    shown it, is normalised too, and which images are left out changes the answers to the others.

    `polarity` is the mean over the images of the rank correlation of A and haematoxylin, -1 to 1: below 0,
    the background is lit. An image in which either is the same everywhere is left out; nan if all are.
    """
    arrays = pixels.cpu().numpy()
    amounts, nuclei = zip(*(stained(image) for image in arrays), strict=True)
    near = [ndimage.binary_dilation(mask, iterations=_MARGIN_PX) for mask in nuclei]
    mosaics = [_mosaic(image, mask) for image, mask in zip(arrays, near, strict=True)]
    kept = torch.tensor([mosaic is not None for mosaic in mosaics], device=pixels.device)
    # What is left out stays in the batch of `attended` as it is: that takes all images of a batch.
    bare = [image if made is None else made for image, made in zip(arrays, mosaics, strict=True)]
    covered = np.where(np.stack(near)[..., None], np.stack(bare), arrays)

    def accuracy(seen: Tensor, by: Tensor, of: Tensor) -> float:
        if of.sum() < 2:  # one image has no statistics of a batch
            return nan
        with batch_statistics(classifier):
            told = classifier((by.unsqueeze(1) * seen)[of]).argmax(1)
        return float((told == power[of]).float().mean())

    images, attention = attended(pixels)
    whole = torch.ones_like(kept)
    answers = {
        "accuracy_attended": accuracy(images, attention, whole),
        "accuracy_hidden": accuracy(images, 1 - attention, whole),
    }
    for name, made in (("blanked", covered), ("no_nuclei", np.stack(bare))):
        shown = torch.from_numpy(made).to(pixels.device)
        answers[f"accuracy_{name}"] = accuracy(*attended(shown), kept)
    return {**answers, "polarity": polarity(attention.float().cpu().numpy(), np.stack(amounts))}


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


def _mosaic(image: NDArray[np.uint8], near: NDArray[np.bool_]) -> NDArray[np.uint8] | None:
    """An image of the same size, put together of 16 cells without a pixel of `near`; None if there are fewer.

    They are spread evenly over those that there are, and each comes as often as the others, in an order that
    is the same for all images of a size.
    """
    side = _CELL_PX
    rows, columns = (length // side for length in near.shape)
    used = (slice(rows * side), slice(columns * side))
    free = np.argwhere(~near[used].reshape(rows, side, columns, side).any(axis=(1, 3)))
    if len(free) < _CELLS:
        return None
    chosen = free[np.linspace(0, len(free) - 1, _CELLS).astype(int)]
    cells = image[used].reshape(rows, side, columns, side, 3)[chosen[:, 0], :, chosen[:, 1]]
    rows, columns = (-(-length // side) for length in near.shape)
    order = np.random.default_rng(0).permutation(np.resize(np.arange(_CELLS), rows * columns))
    placed = cells[order].reshape(rows, columns, side, side, 3).swapaxes(1, 2)
    return placed.reshape(rows * side, columns * side, 3)[: near.shape[0], : near.shape[1]]
