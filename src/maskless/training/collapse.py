"""A generator that has come to give one image, whatever it is shown, or nothing of use, is stopped."""

import logging
from typing import Any

import numpy as np
from lightning import Callback, LightningModule, Trainer
from numpy.typing import NDArray

from maskless.errors import UserError
from maskless.runs import Run
from maskless.training.prior_statistics import PriorStatistics
from maskless.training.probes import Probes

log = logging.getLogger(__name__)

#: Masks with less nucleus than this, or more, are empty or full: shares of all pixels of the crops.
LEAST, MOST = 0.001, 0.9
#: Epochs in a row that make a collapse of what one alone may be by chance.
IN_A_ROW = 3


class Collapse(Callback):
    """Raise UserError when a stage has made nothing of use for three epochs in a row.

    Of no use is, of a stage with a prior, an epoch after which less than 0.1 % or more than 90 % of the
    pixels of all crops of `statistics` are nucleus, or all crops have the same mask although they are not the
    same image; and of a stage that has `fault(answers)`, one after which that names a fault. A healthy
    training may begin like that, and for long; so an epoch counts only from `selection_from` of the stage on,
    the first that could be chosen, and where that is 0 from the middle of the training: before, nothing
    stops it. Each that counts is told of at once, in a training too short for three, too; an epoch of use
    begins the count anew.

    The checkpoints stay as they are: the best epoch of those that could be chosen so far, and the last one.
    To be listed after `statistics` and `probes`, and before LastCheckpoint, which stores the count.
    """

    def __init__(self, run: Run, stage: str, part: str, statistics: PriorStatistics, probes: Probes) -> None:
        self.run, self.stage, self.part = run, stage, part
        self.statistics, self.probes = statistics, probes
        self.in_a_row = 0

    def state_dict(self) -> dict[str, Any]:
        return {"in_a_row": self.in_a_row}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.in_a_row = int(state_dict["in_a_row"])

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        # The first process alone has looked; all stop together.
        fault = trainer.strategy.broadcast(self._fault(module))
        start = getattr(module, "selection_from", 0) or (trainer.max_epochs or 0) / 2
        self.in_a_row = self.in_a_row + 1 if fault and trainer.current_epoch >= start else 0
        if self.in_a_row and trainer.is_global_zero:
            log.warning("after epoch %d of %s, %s", trainer.current_epoch, self.stage, fault)
        if self.in_a_row >= IN_A_ROW:
            best = self.run.best_of(self.part)
            raise UserError(
                f"{self.stage} has collapsed, so its training was stopped after epoch "
                f"{trainer.current_epoch}, the third in a row after which {fault}; what it had chosen "
                f"until then is {best}: train anew with another seed="
            )

    def _fault(self, module: Any) -> str:
        if hasattr(module, "fault") and self.probes.answers:
            found: str = module.fault(self.probes.answers)
            return found
        masks = self.statistics.predicted
        return fault_of(masks, self.statistics.apart) if masks is not None else ""


def fault_of(masks: NDArray[np.bool_], apart: bool) -> str:
    """Why masks, bool (B, H, W), are of no use, or nothing; `apart` if they are of different images."""
    share = float(masks.mean())
    if share < LEAST or share > MOST:
        return f"{100 * share:.3g} % of the pixels of its training crops were nucleus"
    if apart and len(masks) > 1 and bool((masks == masks[0]).all()):
        return f"all of {len(masks)} different training crops had one and the same mask"
    return ""
