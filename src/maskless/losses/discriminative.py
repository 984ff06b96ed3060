"""The discriminative loss: embeddings that gather within a nucleus and keep away from all others."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from maskless.losses.over_processes import mean_over_processes


class DiscriminativeTerms(NamedTuple):
    """The three scalars whose sum is the discriminative loss."""

    pull: Tensor  #: pixels to the mean of their segment
    push: Tensor  #: means of segments away from each other
    regulariser: Tensor  #: means to the origin, `gamma` included


def discriminative_loss(
    embedding: Tensor,
    instances: Tensor,
    background: Tensor,
    *,
    delta_intra: float = 0.5,
    delta_inter: float = 3.0,
    alpha: float = 1.0,
    gamma: float = 0.001,
    squared: bool = True,
) -> Tensor:
    """L_dis, a scalar: the sum of `discriminative_terms`, which says what everything is."""
    terms = discriminative_terms(
        embedding,
        instances,
        background,
        delta_intra=delta_intra,
        delta_inter=delta_inter,
        alpha=alpha,
        gamma=gamma,
        squared=squared,
    )
    return terms.pull + terms.push + terms.regulariser


def discriminative_terms(
    embedding: Tensor,
    instances: Tensor,
    background: Tensor,
    *,
    delta_intra: float = 0.5,
    delta_inter: float = 3.0,
    alpha: float = 1.0,
    gamma: float = 0.001,
    squared: bool = True,
) -> DiscriminativeTerms:
    """Pull, push and regulariser, each the mean over the images that have a nucleus, of all processes.

    `embedding` is float (B, D, H, W); `instances` integer (B, H, W), any positive id a nucleus; `background`
    bool (B, H, W), where background is certain (a pixel with an id is nucleus all the same). Pixels that are
    neither count for nothing. Computed in float32 at least, whatever comes in, autocast or not.

    With C nuclei and the background as segments of an image, mu the mean embedding of a segment, and
    h(z) = max(0, z)^2, or max(0, z) where not `squared`:
    pull = [sum over nuclei of mean h(|mu - x| - delta_intra) + alpha the same of the background] / (C + 1);
    push = [sum over ordered pairs of nuclei of h(delta_inter - |mu - mu'|)
            + 2 alpha sum over nuclei of h(delta_inter - |mu - mu of the background|)] / ((C + 1) C);
    regulariser = gamma mean of |mu| over all C + 1.
    An image without a background pixel loses the terms of the background, and C + 1 and C become C and
    C - 1 (one nucleus alone has no push). An image without a nucleus is left out; where all are, the terms
    are 0 with a graph. The gradient of a distance of 0 is 0.

    Source: Liu et al., ISBI 2022, with the squared hinges of its code, which are those of De Brabandere et
    al., 2017; the hinges that the paper prints are not squared.
    """
    segment, segments = _segments(instances, background)
    batch, pixels = segment.shape
    index = (segment + segments * torch.arange(batch, device=segment.device).unsqueeze(1)).flatten()
    counts = torch.bincount(index, minlength=batch * segments).view(batch, segments)
    present = counts > 0
    present[:, 0] = False  # the pixels that count for nothing
    strength = present.to(torch.promote_types(embedding.dtype, torch.float32))
    strength[:, 1] *= alpha

    # One row a pixel: a view of what is laid out channels last, and the faster layout for sums by segment.
    rows = embedding.movedim(1, -1).flatten(0, 2).to(strength.dtype)
    sums = rows.new_zeros(batch * segments, rows.shape[1]).index_add(0, index, rows)
    means = sums / counts.clamp(min=1).view(-1, 1)

    # Adding what is negative saves the backward pass a negation of the largest array.
    away = torch.linalg.vector_norm(rows + (-means).index_select(0, index), dim=1)
    share = (strength / counts.clamp(min=1)).flatten().index_select(0, index)
    number = present.sum(1)
    pull = (_hinge(away - delta_intra, squared) * share).view(batch, pixels).sum(1) / number.clamp(min=1)

    means = means.view(batch, segments, -1)
    gaps = torch.linalg.vector_norm(means.unsqueeze(2) - means.unsqueeze(1), dim=3)
    pairs = strength.unsqueeze(2) * strength.unsqueeze(1)
    pairs.diagonal(dim1=1, dim2=2).zero_()
    push = (_hinge(delta_inter - gaps, squared) * pairs).sum((1, 2)) / (number * (number - 1)).clamp(min=1)

    lengths = torch.linalg.vector_norm(means, dim=2) * present
    regulariser = gamma * lengths.sum(1) / number.clamp(min=1)

    with_nuclei = present[:, 2:].any(1)
    totals = (torch.stack([pull, push, regulariser]) * with_nuclei).sum(1)
    return DiscriminativeTerms(*mean_over_processes(totals, with_nuclei.sum()))


def _segments(instances: Tensor, background: Tensor) -> tuple[Tensor, int]:
    """The segment of every pixel, int64 (B, H * W), and how many numbers there are of them in each image.

    0 is no segment, 1 the background, and 2, 3, ... are the nuclei of the image in the order of their ids.
    """
    ids = instances.flatten(1).long().clamp(min=0)
    if int(ids.max()) >= ids.numel():  # the table below would be larger than the images
        values, ids = torch.unique(ids, return_inverse=True)
        ids = ids + (values[0] > 0)
    occurs = torch.zeros(len(ids), int(ids.max()) + 1, dtype=torch.bool, device=ids.device)
    occurs.scatter_(1, ids, True)
    occurs[:, 0] = False
    order = occurs.cumsum(1)
    segment = torch.where(ids > 0, order.gather(1, ids) + 1, (background.flatten(1) > 0).long())
    return segment, int(order[:, -1].max()) + 2


def _hinge(excess: Tensor, squared: bool) -> Tensor:
    hinge = F.relu(excess)
    return hinge.square() if squared else hinge
