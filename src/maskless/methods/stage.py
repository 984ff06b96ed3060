"""The base of all methods: one trained step of a method, and the Segmenter that it ends as."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lightning import LightningModule
from torch import Tensor

from maskless.data.labeller import Labeller
from maskless.errors import UserError, did_you_mean
from maskless.postprocess.chain import Chain
from maskless.segmenter import MapSegmenter, Segmenter
from maskless.signals import Annotation, Need, Role, Sample, Signal

Spec = Mapping[str, Mapping[str, Any]]
#: The `selection` that needs no annotation.
LOSS = "loss"
#: And the one that chooses nothing: the last weights are kept.
LAST = "last"


class Stage(LightningModule):
    """What a method trains, and the maps that it then gives.

    A method derives from this class once. It says which signals it `needs`, how it trains
    (`training_step`, `configure_optimizers`), and which dense maps it gives for a batch of images.
    It knows no files, no metrics and no configuration.

    `chain` turns the maps into instances (`postprocess.chain`), `augment` names the augmentation of the
    training samples (`data.transforms`). `epochs`, `steps` (of an epoch), `batch` and `crop_px` are its
    schedule. The validation score `selection` chooses the checkpoint, or 'loss', the least mean of what it
    logs by that name over an epoch, of those from `selection_from` on, or 'last'. `mean` and `std` normalise
    pixels in [0, 1]. `average` is the test-time averaging. `trained_on` names what weights from elsewhere
    have learnt from, cases or whole sources: a comparison marks the images that they have seen. `labels`
    makes what is learnt, once for each whole training image, of what it needs. `colour` changes the colours
    of whole images, uint8 (H, W, 3), in training and in use, as `maskless.reinhard.Reinhard` does. `before`
    is the stage that is trained first, and is frozen inside this one: a method of several stages is its last.
    """

    #: What it is called among the stages of its method; nothing if it is the only one.
    called: str = ""
    needs: frozenset[Need] = frozenset()
    #: The names of its maps, which the chain begins with.
    gives: frozenset[str] = frozenset()
    #: The maps that it leaves of the training images for a next stage to learn from, by their signal.
    leaves: Mapping[Signal, str] = {}
    #: Sides of the images that the network takes are multiples of this.
    multiple_px: int = 1
    #: The one side of the images that a graph of it takes, if there is one.
    graph_px: int | None = None
    #: What a graph of its network leaves out beside what it leaves out of every stage.
    not_in_graph: Sequence[str] = ()
    #: The objective powers at which it learns from tissue, of a stage that needs `scales`.
    powers: Sequence[float] = ()
    #: What a training step draws with where all processes must draw the same; whoever trains it sets it.
    step_seed: int = 0
    #: The pixel spacing that it is trained at, in µm/px, where known; whoever trains it says so.
    trained_mpp: float | None = None

    def __init__(
        self,
        chain: Spec,
        augment: Spec | None = None,
        epochs: int = 0,
        steps: int = 0,
        batch: int = 1,
        crop_px: int = 224,
        selection: str = "aji",
        selection_from: int = 0,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
        average: Literal["none", "flips", "dihedral"] = "none",
        join: Literal["blend", "own"] = "blend",
        window_px: int = 1024,
        overlap_px: int = 128,
        trained_on: Sequence[str] = (),
        labels: Labeller | None = None,
        colour: Callable[[np.ndarray], np.ndarray] | None = None,
        before: "Stage | None" = None,
    ) -> None:
        super().__init__()
        self.labels, self.colour, self.before = labels, colour, before
        if labels:
            self.needs = self.needs | {Need(signal) for signal in labels.needs}
        self.chain = Chain(chain)
        self.selection, self.selection_from = selection, selection_from
        for name in sorted(self.chain.needs - self.gives):
            raise UserError(
                f"the post-processing of {type(self).__name__} needs a map {name!r}, which it does not give"
                f"{did_you_mean(name, self.gives)}"
            )
        learns = self.learns()
        if learns and min(epochs, steps, batch, crop_px) < 1:
            raise UserError(
                f"{type(self).__name__} cannot be trained with epochs={epochs}, steps={steps}, batch={batch} "
                f"and crop_px={crop_px}: each must be at least 1"
            )
        if learns and crop_px % self.multiple_px:
            raise UserError(f"crop_px={crop_px} must be a multiple of {self.multiple_px} for this network")
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise UserError(f"mean={list(mean)} and std={list(std)} must be three numbers each, std above 0")
        self.augment = dict(augment or {})
        self.epochs, self.steps, self.batch, self.crop_px = epochs, steps, batch, crop_px
        self.mean, self.std, self.average = tuple(mean), tuple(std), average
        self.join, self.window_px, self.overlap_px = join, window_px, overlap_px
        self.trained_on = tuple(trained_on)
        self._mean: Tensor
        self._std: Tensor
        self.register_buffer("_mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("_std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.segmenter()  # refuses settings that cannot work, before any training

    @classmethod
    def learns(cls) -> bool:
        """Whether it has a training, and so weights that come of one."""
        return cls.training_step is not LightningModule.training_step

    @property
    def trains(self) -> bool:
        """Whether there is anything to learn."""
        return self.epochs > 0

    @property
    def stages(self) -> "list[Stage]":
        """All stages of the method in the order of their training, this one the last."""
        return [*(self.before.stages if self.before else ()), self]

    @property
    def source_needs(self) -> frozenset[Need]:
        """What its stages need of the sources, that is without what an earlier one leaves."""
        left = {Need(signal) for stage in self.stages for signal in stage.leaves}
        return frozenset(need for stage in self.stages for need in stage.needs) - left

    @property
    def total_steps(self) -> int:
        """Training steps in all."""
        return self.epochs * self.steps

    @property
    def files(self) -> Sequence[Path]:
        """The files that it is made of beside its checkpoint."""
        return ()

    def refuse_unready(self) -> None:
        """Raise UserError, with what to do, if something that it is used with is not on this machine."""
        return

    def drawn_by_others(self, stain: str | None) -> Annotation | None:
        """What others had to draw for it, as tissue of that stain sees it; None if it comes without learning
        from elsewhere, and what it needs of the sources tells all."""
        return None

    @abstractmethod
    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """The dense maps of normalised images: float32 (B, 3, H, W) to named (B, H, W) or (B, C, H, W)."""

    def graph_maps(self, images: Tensor) -> dict[str, Tensor]:
        """What of `maps` a graph can hold, which is arithmetic on tensors and nothing else."""
        return self.maps(images)

    def augments(self, role: Role) -> Spec:
        """The augmentation of the training samples of a role."""
        return self.augment

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 (B, H, W, 3) to normalised float32 (B, 3, H, W), channels last in memory as they came."""
        return self.normalised(images.movedim(-1, 1).float() / 255)

    def normalised(self, pixels: Tensor) -> Tensor:
        """The same of pixels in [0, 1], float32 (B, 3, H, W)."""
        return (pixels - self._mean) / self._std

    def pixels(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, H, W) as they were before: float32, 0 black and 1 white."""
        return images.float() * self._std + self._mean

    def drawn(self, images: Tensor) -> Tensor:
        """The same to be looked at, uint8 (B, H, W, 3): what is beyond black or white is that."""
        return (255 * self.pixels(images).clamp(0, 1)).round().byte().movedim(1, -1)

    def segmenter(
        self,
        mpp: float | None = None,
        autocast: torch.dtype | None = None,
        batch: int = 1,
        channels_last: bool = False,
    ) -> Segmenter:
        """This stage as a Segmenter, on the device it is on. `mpp` is the pixel spacing it was trained at."""
        return MapSegmenter(
            predict=self.maps,
            chain=self.chain,
            mean=self.mean,
            std=self.std,
            window_px=self.window_px,
            overlap_px=self.overlap_px,
            multiple_px=self.multiple_px,
            join=self.join,
            mpp=mpp,
            average=self.average,
            device=self.device,
            batch=batch,
            autocast=autocast,
            channels_last=channels_last,
            colour=self.colour,
        )

    def validation_step(self, sample: Sample, batch_idx: int) -> dict[str, Any]:
        """Segment a whole image as a user would; whoever runs the stage scores what it returns."""
        kind = self.device.type  # in the precision of the training, as evaluate does
        autocast = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
        return {
            "sample": sample,
            "instances": self.segmenter(mpp=self.trained_mpp, autocast=autocast).segment(
                sample[Signal.IMAGE], mpp=sample.mpp
            ),
        }

    def train(self, mode: bool = True) -> "Stage":
        """Training mode, or evaluation mode; what was trained before stays in evaluation mode."""
        super().train(mode)
        if self.before:
            self.before.eval()
        return self
