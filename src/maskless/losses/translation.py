"""What two translators are to be beside convincing: each other's inverse, and still on their own domain."""

import torch
import torch.nn.functional as F
from torch import Tensor


def cycle_loss(image: Tensor, returned: Tensor) -> Tensor:
    """mean |F(G(a)) - a|, a scalar, of the images a and what both translators make of them, of one shape.

    Zhu et al. (ICCV 2017), eq. 2.
    """
    return F.l1_loss(returned.float(), image.float())


def identity_loss(image: Tensor, kept: Tensor) -> Tensor:
    """mean |G(b) - b|, a scalar, of the images b of the domain that G translates to, of one shape.

    Zhu et al. (ICCV 2017), section 5.2; Kim et al. (ICLR 2020), eq. 5.
    """
    return F.l1_loss(kept.float(), image.float())


def cam_loss(translated: Tensor, kept: Tensor) -> Tensor:
    """BCE(eta(a), 1) + BCE(eta(b), 0), a scalar, of a generator's logits, both of any shape.

    `translated` are those of the images a that it is to translate, `kept` those of the images b that are
    where it translates to. Kim et al. (ICLR 2020), eq. 6.
    """
    ones, zeros = (
        torch.ones_like(translated, dtype=torch.float32),
        torch.zeros_like(kept, dtype=torch.float32),
    )
    of_translated = F.binary_cross_entropy_with_logits(translated.float(), ones)
    return of_translated + F.binary_cross_entropy_with_logits(kept.float(), zeros)
