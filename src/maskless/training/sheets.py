"""Pictures of what a stage makes, every few epochs: a sheet of the same samples each time."""

from pathlib import Path
from typing import Any

from lightning import Callback, Trainer
from torch.utils.data import default_collate

from maskless.atomic import write_atomically
from maskless.data.datamodule import DataModule
from maskless.runs import Run
from maskless.training.aside import aside
from maskless.writers.sheet import sheet_png

#: Samples on a sheet: the first ones of the training's addresses.
SAMPLES = 4


class Sheets(Callback):
    """Write figures/sheets/STAGE-epoch-0005.png of a stage that has `sheet(batch)`, when an epoch is over.

    In the first epoch, every `every` epochs and in the last one, by the numbers of metrics.csv, which begin
    at 0. All sheets show the same samples, so that they can be leafed through.
    """

    def __init__(self, run: Run, data: DataModule, stage: str, every: int = 5) -> None:
        self.run, self.data, self.stage, self.every = run, data, stage, every

    def on_train_epoch_end(self, trainer: Trainer, module: Any) -> None:
        epoch = trainer.current_epoch
        due = epoch % self.every == 0 or epoch + 1 == trainer.max_epochs
        if due and trainer.is_global_zero and hasattr(module, "sheet"):
            samples = [self.data.training[n] for n in range(min(SAMPLES, self.data.batch))]
            batch: Any = trainer.strategy.batch_to_device(default_collate(samples))
            with aside(trainer, module):
                pictures = module.sheet(batch)
            path = sheet_path(self.run, self.stage, epoch)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, sheet_png({title: one.cpu().numpy() for title, one in pictures.items()}))


def sheet_path(run: Run, stage: str, epoch: int) -> Path:
    """Where the sheet of an epoch is; names sort by epoch."""
    return run.path / "figures" / "sheets" / f"{stage}-epoch-{epoch:04}.png"
