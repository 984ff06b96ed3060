"""What an attention map is to be beside useful: sparse, smooth, and the same whichever way the image lies."""

import torch
from torch import Tensor

from maskless.losses.over_processes import sum_over_processes


def compressed_sigmoid(confidence: Tensor, tau: Tensor | float, r: float = 20.0) -> Tensor:
    """A = sigmoid(r (a - tau)), in [0, 1], of the confidences a, float of any shape.

    `tau` is a number, or a tensor that broadcasts to a. Source: Sahasrabudhe et al., MICCAI 2020, section 3.
    """
    return (r * (confidence.float() - tau)).sigmoid()


def confidence_at(confidence: Tensor, share: Tensor) -> Tensor:
    """Of each image the confidence that the fraction `share` of its pixels exceeds, float32 (B,).

    `confidence` is (B, H, W), `share` (B,) in [0, 1): the value at the 0-based position floor(share H W) in
    descending order. The paper's a^(eta) with share = 1 - eta / 100 (it says "(eta / 100 HW)-th largest",
    which would be the other end).
    """
    descending = confidence.flatten(1).float().sort(dim=1, descending=True).values
    # Not 0.06999... of what is meant as 0.07.
    position = (share.double() * descending.shape[1] + 1e-6).floor().long()
    return descending.gather(1, position.clamp(0, descending.shape[1] - 1).unsqueeze(1)).squeeze(1)


def mean_by_group(values: Tensor, groups: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The mean of `values` (B,) in each of `count` groups over all processes, (count,), and their numbers.

    `groups` is int64 (B,). A group that no process has a value of has the mean 0 and the number 0. Without
    gradient; every process must call it. With one group it is eq. 1 of Sahasrabudhe et al. (MICCAI 2020).
    """
    values = values.detach().float()
    sums = torch.zeros(2, count, device=values.device)
    sums[0].index_add_(0, groups, values)
    sums[1].index_add_(0, groups, torch.ones_like(values))
    total, number = sum_over_processes(sums)
    return total / number.clamp(min=1), number


def smoothness_loss(attention: Tensor) -> Tensor:
    """L_smooth, a scalar: the mean difference of neighbours in a column plus that of neighbours in a row.

    `attention` is (B, H, W), 0 to 1. Sahasrabudhe et al. (MICCAI 2020), eq. 3, where both sums are divided by
    (H - 1)(W - 1), which is nearly the same.
    """
    rows, columns = attention.diff(dim=-2).abs().mean(), attention.diff(dim=-1).abs().mean()
    return rows + columns


def equivariance_loss(attention: Tensor, of_transformed: Tensor) -> Tensor:
    """L_equiv, a scalar: the mean squared difference of two maps (B, H, W) on one grid, 0 to 1.

    sigma(t(F(I))) and sigma(F(t(I))), or both mapped back by t. Sahasrabudhe et al. (MICCAI 2020), eq. 4.
    """
    return (attention - of_transformed).square().mean()
