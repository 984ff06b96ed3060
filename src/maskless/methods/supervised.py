"""The ceiling: a network that learns from every nucleus' mask."""

from typing import Any

from torch import Tensor

from maskless.errors import UserError
from maskless.losses import boundary_target, three_class_loss
from maskless.methods.optimisers import optimised, refuse_unlearnable
from maskless.methods.stage import Stage
from maskless.networks.batch_norm import set_norm_momentum
from maskless.networks.resnet_unet import ResNetUNet
from maskless.signals import Need, Role, Signal


class Supervised(Stage):
    """Three classes a pixel: background, inside of a nucleus, boundary of a nucleus.

    Nothing is learnt outside the region in which a source is annotated, if it has one.

    The boundary class keeps touching nuclei apart (the U-Net baseline of Kumar et al. 2017 and its
    successors). AdamW with a one-cycle learning rate that peaks at `lr`.
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
        refuse_unlearnable("supervised", lr, weight_decay, width, norm_momentum)
        if boundary_px < 1:
            raise UserError(f"supervised cannot learn with boundary_px={boundary_px}: it is 1 or more")
        self.lr, self.weight_decay = lr, weight_decay
        self.boundary_px, self.boundary_weight = boundary_px, boundary_weight
        self.network = ResNetUNet(out_channels=3, width=width)
        set_norm_momentum(self.network, norm_momentum)

    def training_step(self, batch: dict[Role, dict[Signal, Tensor]], batch_idx: int) -> Tensor:
        main = batch[Role.MAIN]
        logits = self.network(self.normalise(main[Signal.IMAGE])).float()
        region = main.get(Signal.REGION)
        target = boundary_target(main[Signal.INSTANCES], self.boundary_px, region)
        loss = three_class_loss(logits, target, self.boundary_weight, region)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> Any:
        return optimised(self.parameters(), self.lr, self.total_steps, weight_decay=self.weight_decay)

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """`foreground`: the probability of a nucleus, its boundary included; `boundary`: of the boundary."""
        probability = self.network(images).float().softmax(1)
        return {"foreground": 1 - probability[:, 0], "boundary": probability[:, 2]}
