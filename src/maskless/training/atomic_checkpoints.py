"""Checkpoints that are whole or not there, whatever file system the temporary folder is on."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from maskless.atomic import write_atomically


class AtomicCheckpoints(TorchCheckpointIO):
    """Lightning's own, but written beside its name and renamed."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, buffer.getvalue())
