"""Looking at a stage while it trains, without a trace of it in the training."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.utilities.seed import isolate_rng


@contextmanager
def aside(trainer: Trainer, module: LightningModule) -> Iterator[None]:
    """Evaluation mode, no gradients, the precision of the training.

    Afterwards every part of `module` is in the mode it was in, and all random states are what they were.
    """
    modes = [(part, part.training) for part in module.modules()]
    try:
        with isolate_rng(), torch.no_grad(), trainer.precision_plugin.val_step_context():
            module.eval()
            yield
    finally:
        for part, mode in modes:
            part.training = mode
