"""Cross-entropy on labels that leave most pixels open, as those made from points do."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from maskless.losses.over_processes import mean_over_processes
from maskless.signals import IGNORE


def partial_cross_entropy(logits: Tensor, labels: Tensor, weights: Sequence[float] | None = None) -> Tensor:
    """The sum over opinions of the mean negative log-likelihood of the pixels that the opinion labels.

    `logits` are float (B, 2, H, W), background and nucleus; `labels` are uint8 (B, H, W, K), K opinions of
    each pixel: 0 background, 1 nucleus, 255 ignored. `weights`, one an opinion, multiply their means (all 1
    by default). The result is a scalar, at least float32 whatever comes in. Each mean is over the labelled
    pixels of the batches of all processes (see `mean_over_processes`); an opinion that labels none adds 0.

    Source: the SPN's loss in Liu et al., ISBI 2022: two opinions, Voronoi and cluster labels, weights 1.
    Raises ValueError if the number of weights is not K.
    """
    opinions = labels.unbind(-1)
    weights = [1.0] * len(opinions) if weights is None else weights
    if len(weights) != len(opinions):
        raise ValueError(f"{len(weights)} weights for {len(opinions)} opinions")
    likelihood = logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(1)
    # Summed outside of nll_loss, whose own sum has no fixed order on a GPU.
    losses = [
        F.nll_loss(likelihood, opinion.long(), ignore_index=IGNORE, reduction="none").sum()
        for opinion in opinions
    ]
    counts = (labels != IGNORE).flatten(0, -2).sum(0)
    means = mean_over_processes(torch.stack(losses), counts)
    return torch.stack([weight * mean for weight, mean in zip(weights, means, strict=True)]).sum()
