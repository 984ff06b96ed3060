"""A stage that trains in a moment, and without batch norm: the same on any number of processes."""

import torch
from torch import Tensor, nn

from maskless.methods.stage import Stage
from maskless.signals import Need, Role, Signal

CHAIN = {
    "mask": {"step": "binarise", "of": "foreground", "above": 0.5},
    "instances": {"step": "label", "of": "mask"},
}


class Toy(Stage):
    """One convolution that learns where nuclei are."""

    needs = frozenset({Need(Signal.IMAGE), Need(Signal.INSTANCES)})
    gives = frozenset({"foreground"})

    def __init__(self, **stage) -> None:
        super().__init__(chain=CHAIN, **stage)
        self.network = nn.Conv2d(3, 1, 5, padding=2)

    def training_step(self, batch: dict, batch_idx: int) -> Tensor:
        main = batch[Role.MAIN]
        logits = self.network(self.normalise(main[Signal.IMAGE]))[:, 0]
        target = (main[Signal.INSTANCES] > 0).float()
        loss = nn.functional.binary_cross_entropy_with_logits(logits, target)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.5)

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        return {"foreground": self.network(images)[:, 0].sigmoid()}
