"""A training whose numbers are no numbers any more is stopped, and its last good checkpoint stays."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from maskless.data.datamodule import DataModule
from maskless.errors import UserError
from maskless.runs import Run
from maskless.training.callbacks import step_of


class Healthy(Callback):
    """Raise UserError at the first training step after which a value is infinite or not a number.

    After each step it looks at the loss and at what the stage has logged, but for scores of validation, which
    may be undefined; and where gradients are scaled (16-mixed), but for their norms, named `norm_...`: there
    an infinite gradient is an ordinary event, whose step is left out. At the end of each epoch, and before
    any checkpoint that a training can go on from, it looks at all weights, and then also at the state of the
    optimisers. So `last.ckpt` is never written with anything else than numbers, and stands at the last good
    step. To be listed after Address, whose count of steps it names, and before all that keep values.
    """

    def __init__(self, run: Run, data: DataModule, stage: str, part: str = "") -> None:
        self.run, self.data, self.stage, self.part = run, data, stage, part

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, outputs: Any, *_: Any) -> None:
        scaled = getattr(trainer.precision_plugin, "scaler", None) is not None
        logged = {
            name: value
            for name, value in trainer.callback_metrics.items()
            if not name.startswith("val_") and not (scaled and name.startswith("norm_"))
        }
        if isinstance(outputs, Mapping) and isinstance(outputs.get("loss"), Tensor):
            logged.setdefault("the loss", outputs["loss"])
        self._refuse(logged, trainer)
        if self.data.step % self.data.steps == 0:  # before validation, which may keep the weights
            self._refuse({f"the weight {n}": v for n, v in module.state_dict().items()}, trainer)

    def on_save_checkpoint(
        self, trainer: Trainer, module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self._refuse({f"the weight {n}": v for n, v in checkpoint["state_dict"].items()}, trainer)
        for k, state in enumerate(checkpoint.get("optimizer_states", ())):
            tensors = dict(enumerate(_tensors(state["state"])))
            self._refuse({f"value {n} of optimiser {k}": v for n, v in tensors.items()}, trainer)

    def _refuse(self, values: Mapping[str, Tensor], trainer: Trainer) -> None:
        """Raise UserError naming the first of the values that is not finite."""
        numbers = {name: value.detach() for name, value in values.items() if value.is_floating_point()}
        finite = [value.isfinite().all() for value in numbers.values()]
        if not finite or bool(torch.stack([one.to(finite[0].device) for one in finite]).all()):
            return
        name = next(name for name, one in zip(numbers, finite, strict=True) if not one)
        value = numbers[name]
        found = f"{float(value):g}" if value.numel() == 1 else "not finite"
        last = self.run.checkpoint("last", self.part)
        good = f"the last good checkpoint, of step {step_of(last)}, is {last}" if last.is_file() else (
            "there is no checkpoint yet"
        )  # fmt: skip
        precise = trainer.precision in ("32-true", "64-true")
        hint = "" if precise else ", or in full precision (hardware.precision=32-true)"
        raise UserError(
            f"{name} is {found} after step {self.data.step} of {self.stage}, so its training was stopped; "
            f"{good}: train anew with a lower learning rate{hint}"
        )


def _tensors(state: Any) -> Iterator[Tensor]:
    """All tensors in nested mappings and sequences."""
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, Mapping | list | tuple):
        for part in state.values() if isinstance(state, Mapping) else state:
            yield from _tensors(part)
