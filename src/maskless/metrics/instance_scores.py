"""The standard scores as a torchmetrics Metric: images in, means out, on any number of processes."""

import hashlib
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from maskless.metrics.scores import STANDARD, all_scores


class InstanceScores(Metric):
    """The mean over images of every metric, each by its standard definition (`STANDARD`).

    Rows are keyed by image, gathered from all processes and de-duplicated, then averaged: an image that two
    processes have scored, because the sampler filled up its last round, counts once. A mean of the
    processes' means would be another number.
    """

    full_state_update = False
    higher_is_better = None  # each score has its own direction: HIGHER_IS_BETTER

    images: list[Tensor]  #: int64 (n,) each, a key for every image
    values: list[Tensor]  #: float64 (n, len(STANDARD)) each, nan where undefined

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.add_state("images", [], dist_reduce_fx="cat")
        self.add_state("values", [], dist_reduce_fx="cat")
        self.reset()

    def reset(self) -> None:
        """Forget all images."""
        super().reset()
        # A process that gets no image must have something to gather, or the others wait for it for ever.
        self.images.append(torch.empty(0, dtype=torch.int64, device=self.device))
        self.values.append(torch.empty(0, len(STANDARD), dtype=torch.float64, device=self.device))

    def update(self, true: ArrayLike, pred: ArrayLike, image: str, region: ArrayLike | None = None) -> None:
        """Score `pred` against `true` in `region`, (H, W) as in `all_scores`; `image` is its id."""
        found = all_scores(true, pred, region)
        row = [[found[key] for key in STANDARD.items()]]
        self.images.append(torch.tensor([_key(image)], device=self.device))
        self.values.append(torch.tensor(row, dtype=torch.float64, device=self.device))

    def compute(self) -> dict[str, Tensor]:
        """Means by the name of the metric. Images on which one is undefined are left out of its mean; nan if
        it is undefined on all."""
        images, values = dim_zero_cat(self.images), dim_zero_cat(self.values)
        order = torch.argsort(images, stable=True)  # alike, whichever process has scored what
        images = images[order]
        first = torch.ones_like(images, dtype=torch.bool)
        first[1:] = images[1:] != images[:-1]
        means = values[order][first].nanmean(dim=0)
        return dict(zip(STANDARD, means, strict=True))


def _key(image: str) -> int:
    """64 bits that are alike on every process, which `hash` is not."""
    return int.from_bytes(hashlib.sha256(image.encode()).digest()[:8], "big", signed=True)
