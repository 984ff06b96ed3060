"""A stage that learns from masks of a prior, and shows what it makes; with batch norm and dropout."""

from pathlib import Path

import torch
from lightning import Callback, Trainer
from torch import Tensor, nn
from toy_stage import CHAIN

from maskless.data.datamodule import DataModule
from maskless.data.readers.synthetic import Synthetic
from maskless.methods.stage import Stage
from maskless.runs import Run
from maskless.signals import Need, Role, Signal
from maskless.training.atomic_checkpoints import AtomicCheckpoints
from maskless.training.callbacks import Address, Epochs, LastCheckpoint, quieten
from maskless.training.probes import Probes
from maskless.training.train_stage import seed_networks

CROP_PX = 48


class PriorToy(Stage):
    """Gives as much nucleus as the prior has. What it gives in evaluation is moved by `shift`."""

    needs = frozenset({Need(Signal.IMAGE), Need(Signal.MASK, Role.PRIOR)})
    gives = frozenset({"foreground"})

    def __init__(self, shift: float = 0.0, lr: float = 0.1, **stage) -> None:
        super().__init__(chain=CHAIN, crop_px=CROP_PX, **stage)
        self.network = nn.Sequential(
            nn.Conv2d(3, 4, 5, padding=2), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Conv2d(4, 1, 1)
        )
        self.shift, self.lr = shift, lr

    def training_step(self, batch: dict, batch_idx: int) -> Tensor:
        share = batch[Role.PRIOR][Signal.MASK].float().mean()
        found = self.network(self.normalise(batch[Role.MAIN][Signal.IMAGE])).sigmoid().mean()
        loss = (found - share).abs()
        self.log_dict({"loss": loss, "d_real": share})
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), self.lr)

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        return {"foreground": (self.network(images)[:, 0] + self.shift).sigmoid()}

    def sheet(self, batch: dict) -> dict[str, Tensor]:
        image = batch[Role.MAIN][Signal.IMAGE]
        torch.rand(1)  # as a careless stage may
        found = self.maps(self.normalise(image))["foreground"]
        return {"t": image, "S(t)": (255 * found).byte(), "prior": 255 * batch[Role.PRIOR][Signal.MASK]}


class Steps(Callback):
    """Counts steps without seeding them, so that whoever draws from torch's generator is found out."""

    def __init__(self, data: DataModule) -> None:
        self.data = data

    def on_train_batch_end(self, *_: object) -> None:
        self.data.step += 1


def data_of(stage: Stage) -> DataModule:
    """Rendered tissue for the main role and for the prior."""
    sources = {
        Role.MAIN: Synthetic(size_px=64, tiles={"train": 6, "val": 1}),
        Role.PRIOR: Synthetic(size_px=64, tiles={"train": 8}, stain="he"),
    }
    return DataModule(
        sources,
        stage.needs,
        stage="toy",
        seed=0,
        augment={},
        crop_px=stage.crop_px,
        batch=stage.batch,
        steps=stage.steps,
    )


def made(folder: Path) -> Run:
    return Run.create(folder, "s", "toy", {}, [], {})


def fit(
    stage: Stage,
    data: DataModule,
    run: Run,
    *callbacks: Callback,
    resume: bool = False,
    every: int = 100,
    addressed: bool = False,
    devices: int = 1,
) -> None:
    """Train as `train_stage` does, with these callbacks before the last checkpoint is written."""
    quieten()
    torch.manual_seed(0)
    last = run.checkpoint("last")
    Trainer(
        accelerator="cpu",
        devices=devices,
        strategy="ddp_spawn" if devices > 1 else "auto",
        use_distributed_sampler=False,
        max_epochs=stage.epochs,
        callbacks=[
            Address(data, 0, "toy") if addressed else Steps(data),
            Epochs(run, data, "toy", Probes(data, "toy")),
            *callbacks,
            LastCheckpoint(last, data, every),
        ],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=0,
        default_root_dir=run.path,
        plugins=[AtomicCheckpoints()],
    ).fit(stage, data, ckpt_path=last if resume else None, weights_only=True)


def new(**stage) -> PriorToy:
    seed_networks(0)
    return PriorToy(**{"epochs": 3, "steps": 2, "batch": 2, **stage})
