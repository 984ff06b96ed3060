"""What a stage says of itself when an epoch is over, of the same samples each time."""

import logging
from typing import Any

from lightning import Callback, Trainer
from torch.utils.data import default_collate

from maskless.data.datamodule import DataModule
from maskless.training.aside import aside

log = logging.getLogger(__name__)

#: Samples that are asked about: the first ones of the training's addresses.
SAMPLES = 48


class Probes(Callback):
    """`answers`: the numbers by name that `probes(batch)` of a stage gives, of the last epoch.

    On the first process alone, and of a stage that has them.

    A stage with a `polarity` below 0 has lit the background and not the nuclei; that is said at once, in a
    sentence. To be listed before Epochs, which writes the answers.
    """

    def __init__(self, data: DataModule, stage: str) -> None:
        self.data, self.stage = data, stage
        self.answers: dict[str, float] = {}
        self._batch: Any = None

    def on_train_epoch_end(self, trainer: Trainer, module: Any) -> None:
        if not hasattr(module, "probes") or not trainer.is_global_zero:
            return
        if self._batch is None:
            self._batch = default_collate([self.data.training[n] for n in range(SAMPLES)])
        with aside(trainer, module):
            self.answers = module.probes(trainer.strategy.batch_to_device(self._batch))
        if self.answers.get("polarity", 0) < 0:
            log.warning("%s", inverted(self.stage, trainer.current_epoch, self.answers["polarity"]))


def inverted(stage: str, epoch: int, polarity: float) -> str:
    """That the background is lit, in a sentence."""
    return (
        f"after epoch {epoch} of {stage} its map is inverted: it lights the background (its rank correlation "
        f"with haematoxylin is {polarity:.2f}); if it stays so, train anew with another seed= or a larger "
        "hint_rest"
    )
