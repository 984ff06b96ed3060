"""The least-squares adversary: what a discriminator and a generator make of its scores."""

from torch import Tensor


def least_squares(scores: Tensor, real: bool) -> Tensor:
    """MSE(D(x), 1) if `real`, else MSE(D(x), 0): the mean over all patches of all images, a scalar.

    `scores` is D(x), float of any shape (Mao et al., ICCV 2017; Le Bescond et al., MICCAI 2022, eq. 1 and 2).
    A generator's own loss is `least_squares(D(fake), real=True)`.
    """
    return ((scores.float() - float(real)) ** 2).mean()


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """[MSE(D(real), 1) + MSE(D(fake), 0)] / 2, a scalar, of the scores D(real) and D(fake)."""
    return discriminator_sum(real, fake) / 2


def discriminator_sum(real: Tensor, fake: Tensor) -> Tensor:
    """MSE(D(real), 1) + MSE(D(fake), 0), a scalar: not halved, as in U-GAT-IT (Kim et al., ICLR 2020)."""
    return least_squares(real, True) + least_squares(fake, False)
