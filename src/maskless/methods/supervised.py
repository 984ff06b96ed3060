"""The ceiling: a network that learns from every nucleus' mask."""

from typing import Any

import torch
from torch import Tensor, nn

from maskless.errors import UserError
from maskless.losses import boundary_target, three_class_loss
from maskless.methods.stage import Stage
from maskless.networks.resnet_unet import ResNetUNet
from maskless.signals import Need, Role, Signal


class Supervised(Stage):
    """Three classes a pixel: background, inside of a nucleus, boundary of a nucleus.

    Nothing is learnt outside the region in which a source is annotated, if it has one.

    The boundary class keeps touching nuclei apart (the U-Net baseline of Kumar et al. 2017 and its
    successors). AdamW with a one-cycle learning rate that peaks at `lr`. A batch holds few, strongly
    augmented crops: with torch's own momentum of 0.1 the averages of batch norm, and the validation score
    with them, jump from one epoch to the next, hence `norm_momentum`.
    """

    needs = frozenset({Need(Signal.IMAGE), Need(Signal.INSTANCES)})
    gives = frozenset({"foreground", "boundary"})
    multiple_px = ResNetUNet.multiple

    def __init__(
        self,
        lr: float,
        weight_decay: float,
        boundary_px: int,
        boundary_weight: float,
        width: int,
        norm_momentum: float,
        **stage: Any,
    ) -> None:
        super().__init__(**stage)
        if lr <= 0 or weight_decay < 0 or width < 1 or boundary_px < 1 or not 0 < norm_momentum <= 1:
            raise UserError(
                f"supervised cannot learn with lr={lr}, weight_decay={weight_decay}, width={width}, "
                f"boundary_px={boundary_px}, norm_momentum={norm_momentum}: lr is above 0, weight_decay "
                "not below, width and boundary_px are 1 or more, norm_momentum is above 0 and at most 1"
            )
        self.lr, self.weight_decay = lr, weight_decay
        self.boundary_px, self.boundary_weight = boundary_px, boundary_weight
        self.network = ResNetUNet(out_channels=3, width=width)
        for module in self.network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = norm_momentum

    def training_step(self, batch: dict[Role, dict[Signal, Tensor]], batch_idx: int) -> Tensor:
        main = batch[Role.MAIN]
        logits = self.network(self.normalise(main[Signal.IMAGE])).float()
        target = boundary_target(main[Signal.INSTANCES], self.boundary_px)
        loss = three_class_loss(logits, target, self.boundary_weight, main.get(Signal.REGION))
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.parameters(), self.lr, weight_decay=self.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.lr, total_steps=self.total_steps, pct_start=0.1
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """`foreground`: the probability of a nucleus, its boundary included; `boundary`: of the boundary."""
        probability = self.network(images).float().softmax(1)
        return {"foreground": 1 - probability[:, 0], "boundary": probability[:, 2]}
