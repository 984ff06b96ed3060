"""The ceiling of spatial_prior: its U-Net, learnt from masks of the very stain (Le Bescond et al., 2022)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from maskless.errors import UserError
from maskless.losses import batch_dice_loss
from maskless.methods.optimisers import optimised
from maskless.methods.stage import Stage
from maskless.networks.h_dab import recoloured
from maskless.networks.pix2pix_unet import Pix2PixUNet
from maskless.signals import Need, Role, Signal


class SupervisedPix2Pix(Stage):
    """1 - soft Dice of S(t) and the mask over the whole batch, plus `consistency` |S(t) - S(c(t))|.

    S is spatial_prior's U-Net with a plain sigmoid, and c(t) the image in other colours: each stain times a
    factor of its own, 1 + `colour_sigma` N(0, 1). The mask counts inside the region in which a source is
    annotated, if it has one, and so does |S(t) - S(c(t))|. Adam at a constant rate.
    """

    needs = frozenset({Need(Signal.IMAGE), Need(Signal.MASK)})
    gives = frozenset({"foreground"})

    def __init__(
        self,
        lr: float,
        weight_decay: float = 0.0,
        filters: int = 64,
        depth: int = 8,
        dropout: float = 0.5,
        consistency: float = 1.0,
        colour_sigma: float = 0.75,
        **stage: Any,
    ) -> None:
        self.multiple_px = 2**depth
        super().__init__(**stage)
        if lr <= 0 or min(weight_decay, consistency, colour_sigma) < 0:
            raise UserError(
                f"supervised_pix2pix cannot learn with lr={lr}, weight_decay={weight_decay}, "
                f"consistency={consistency}, colour_sigma={colour_sigma}: lr is above 0, the others not below"
            )
        self.lr, self.weight_decay = lr, weight_decay
        self.consistency, self.colour_sigma = consistency, colour_sigma
        self.network = Pix2PixUNet(3, 1, filters, dropout, depth)

    def training_step(self, batch: Mapping[Role, Mapping[Signal, Tensor]], batch_idx: int) -> Tensor:
        main = batch[Role.MAIN]
        pixels = main[Signal.IMAGE].movedim(-1, 1).float() / 255
        one = self._segmented(self.normalised(pixels))
        other = self._segmented(self.normalised(recoloured(pixels, self.colour_sigma)))
        inside = main[Signal.REGION] > 0 if Signal.REGION in main else torch.ones_like(one, dtype=torch.bool)
        dice = batch_dice_loss(one * inside, main[Signal.MASK] * inside)
        consistency = self.consistency * ((one - other).abs() * inside).mean()
        self.log_dict({"loss": dice + consistency, "loss_dice": dice, "loss_c": consistency})
        return dice + consistency

    def configure_optimizers(self) -> Any:
        return optimised(
            self.parameters(),
            self.lr,
            self.total_steps,
            weight_decay=self.weight_decay,
            optimiser="adam",
            rate="constant",
        )

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """`foreground`: S(t)."""
        return {"foreground": self._segmented(images)}

    def _segmented(self, images: Tensor) -> Tensor:
        """S(t), float32 (B, H, W) in [0, 1], of normalised images."""
        return self.network(images).float().sigmoid()[:, 0]
