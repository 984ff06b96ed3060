"""How near predicted masks are to those of the prior, epoch by epoch: what a discriminator sees of them."""

from collections.abc import Mapping
from math import isnan
from typing import Any

import numpy as np
import torch
from lightning import Callback, Trainer
from numpy.typing import NDArray
from torch.utils.data import default_collate

from maskless.data.datamodule import DataModule
from maskless.metrics.mask_statistics import distances, mask_statistics, pooled, summary
from maskless.runs import Run
from maskless.signals import Role, Signal
from maskless.training.aside import aside

#: Samples of the prior, and of the main role: the first ones of the training's addresses.
MASKS, CROPS = 64, 32
_Distributions = Mapping[str, NDArray[np.float64]]


class PriorStatistics(Callback):
    """Rows of prior_statistics.csv for a stage that learns from masks of a prior and gives a `foreground`.

    Before the first epoch a row a statistic of 64 masks of the prior: of its signal `mask`, or of what the
    stage makes by `prior_masks(prior)` of the prior's signals, each (B, ...): masks (B, H, W). After each
    epoch a row a statistic of the masks predicted for 32 training crops, with the distance to the prior's.
    Units are of the spacing that is trained at, whatever the augmentation rescales. `predicted` holds the
    last masks, bool (32, H, W), on the first process; `apart` says whether the crops differ at all.
    """

    def __init__(self, run: Run, data: DataModule, stage: str) -> None:
        self.run, self.data, self.stage = run, data, stage
        self.prior: _Distributions | None = None
        self.predicted: NDArray[np.bool_] | None = None
        self.apart = False
        self._crops: torch.Tensor | None = None

    def on_train_start(self, trainer: Trainer, module: Any) -> None:
        paired = {Role.MAIN, Role.PRIOR} <= self.data.training.sources.keys()
        if not (trainer.is_global_zero and paired and "foreground" in module.gives):
            return
        samples = default_collate([self.data.training[n] for n in range(MASKS)])
        masks = _masks_of(module, samples[Role.PRIOR])
        if masks is None:
            return
        self.prior = self._distributions(masks)
        self._crops = samples[Role.MAIN][Signal.IMAGE][:CROPS]
        self.apart = bool((self._crops != self._crops[0]).any())
        if not any(row["stage"] == self.stage for row in self.run.prior_statistics):
            self.run.add_prior_statistics(self._rows("prior", self.prior, "", 0))

    def on_train_epoch_end(self, trainer: Trainer, module: Any) -> None:
        if self.prior is None or self._crops is None:
            return
        with aside(trainer, module):
            self.predicted = np.concatenate(
                [_foreground(module, crops) for crops in self._crops.split(self.data.batch)]
            )
        rows = self._rows(
            "predicted", self._distributions(self.predicted), trainer.current_epoch, self.data.step
        )
        self.run.add_prior_statistics(rows)

    def _distributions(self, masks: NDArray[np.bool_]) -> _Distributions:
        return pooled([mask_statistics(mask) for mask in masks], self.data.training.mpp)

    def _rows(self, which: str, found: _Distributions, epoch: int | str, step: int) -> list[dict[str, Any]]:
        apart = distances(found, self.prior or found)
        return [
            {"stage": self.stage, "epoch": epoch, "step": step, "which": which, "statistic": name}
            | {key: _written(value) for key, value in vars(summary(values)).items()}
            | {"distance_to_prior": _written(apart[name])}
            for name, values in found.items()
        ]


def _masks_of(module: Any, prior: Mapping[Signal, torch.Tensor]) -> NDArray[np.bool_] | None:
    """The prior's masks as the stage has them, bool (B, H, W); None if it learns from something else."""
    made = module.prior_masks(prior) if hasattr(module, "prior_masks") else prior.get(Signal.MASK)
    return None if made is None else made.cpu().numpy() > 0


def _foreground(module: Any, crops: torch.Tensor) -> NDArray[np.bool_]:
    """Where the stage sees nuclei in uint8 (B, H, W, 3): bool (B, H, W)."""
    images = module.normalise(crops.to(module.device))
    found: NDArray[np.bool_] = (module.maps(images)["foreground"] > 0.5).cpu().numpy()
    return found


def _written(value: float) -> str:
    """Six digits; nothing for what is not defined."""
    return "" if isnan(value) else f"{value:.6g}"
