"""A training's rows, sheets and panels of validation images, told to a logger as they come."""

import io
from contextlib import suppress
from typing import Any

import numpy as np
from lightning import Callback, LightningModule, Trainer
from numpy.typing import NDArray
from PIL import Image

from maskless.runs import Run
from maskless.signals import Sample, Signal
from maskless.training.aside import aside
from maskless.training.loggers.tracking import Tracking
from maskless.training.sheets import sheet_path
from maskless.writers.panel import panel_png

#: Validation images of which a panel is shown: the first ones.
PANELS = 2


class Listener(Callback):
    """Tells `tracking` of each epoch: its row of metrics.csv, and its pictures where there are any.

    Pictures are the sheet of the stage, and a panel of each of the first two validation images: input, maps,
    instances, truth, errors. Panels are made in the first epoch, every `every` epochs and in the last one. To
    be listed after all that records, and before LastCheckpoint.
    """

    def __init__(self, tracking: Tracking, run: Run, stage: str, every: int) -> None:
        self.tracking, self.run, self.stage, self.every = tracking, run, stage, every
        self._panels: dict[str, bytes] = {}

    def on_validation_batch_end(
        self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        if self._due(trainer) and batch_idx < PANELS and not self.tracking.failed:
            self.tracking.guarded(lambda: self._draw(trainer, module, outputs, f"panel {batch_idx}"))

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        if trainer.is_global_zero:
            self.tracking.guarded(lambda: self._tell(trainer.current_epoch))

    def teardown(self, trainer: Trainer, module: LightningModule, stage: str) -> None:
        self.tracking.leave_process()

    def _draw(self, trainer: Trainer, module: Any, outputs: Any, name: str) -> None:
        sample: Sample = outputs["sample"]
        with aside(trainer, module):
            maps = module.segmenter(mpp=module.trained_mpp).maps(sample[Signal.IMAGE], mpp=sample.mpp)
        self._panels[name] = panel_png(sample, maps, outputs["instances"])

    def _tell(self, epoch: int) -> None:
        row = _numbers(self.run.metrics[-1])
        self.tracking.row(self.stage, row)
        pictures, self._panels = self._panels, {}
        sheet = sheet_path(self.run, self.stage, epoch)
        if sheet.is_file():
            pictures["sheet"] = sheet.read_bytes()
        for name, png in pictures.items():
            self.tracking.picture(self.stage, name, int(row["step"]), _pixels(png))

    def _due(self, trainer: Trainer) -> bool:
        epoch = trainer.current_epoch
        return trainer.is_global_zero and (epoch % self.every == 0 or epoch + 1 == trainer.max_epochs)


def _numbers(row: dict[str, str]) -> dict[str, float]:
    """What of a row of a table is a number."""
    found = {}
    for name, value in row.items():
        with suppress(ValueError, TypeError):
            found[name] = float(value)
    return found


def _pixels(png: bytes) -> NDArray[np.uint8]:
    """RGB, uint8 (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
