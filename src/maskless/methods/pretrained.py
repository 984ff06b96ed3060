"""Other people's models: nothing is learnt here, and their packages find the nuclei."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskless.methods.click_segmenter import ClickSegmenter
from maskless.methods.stage import Stage
from maskless.pretrained.catalogue import Model, model
from maskless.pretrained.start import start
from maskless.segmenter import Segmenter
from maskless.signals import Annotation, Need, Signal


class Pretrained(Stage):
    """A model of `maskless.pretrained.catalogue`, by its name, with the weights that its authors published.

    It is shown images at `mpp` µm/px, where their own spacing is known, in windows of at most `window_px`;
    each nucleus at a seam has one owner. `weights` is the path of its file or folder; None is the place below
    the cache folder that `maskless pretrained` names. `settings` are what its adapter's `load` takes. A model
    that needs clicks is given the points of a source, and the whole image.

    The packages and the weights are asked for when it is about to be used, not before.
    """

    needs = frozenset({Need(Signal.IMAGE)})
    gives = frozenset({"labels"})

    def __init__(
        self,
        model: str,
        mpp: float | None,
        trained_on: Sequence[str] = (),
        weights: str | None = None,
        settings: Mapping[str, Any] | None = None,
        window_px: int = 2048,
        overlap_px: int = 256,
    ) -> None:
        # Before the base is made, for it makes a Segmenter to see whether that can be.
        self.name, self.weights, self.settings = model, weights, dict(settings or {})
        self.trained_mpp = mpp
        super().__init__(
            chain={"instances": {"step": "as_labels", "of": "labels"}},
            join="own",
            window_px=window_px,
            overlap_px=overlap_px,
            trained_on=trained_on,
        )
        if self.spec.clicks:
            self.needs = self.needs | {Need(Signal.POINTS)}
        self._segment: Callable[..., NDArray[Any]] | None = None

    @property
    def spec(self) -> Model:
        """What the catalogue says of the model. Raises UserError if it has none of that name."""
        return model(self.name)

    @property
    def files(self) -> Sequence[Path]:
        """The files of its weights."""
        path = self.spec.refuse_unready(self.name, self.weights)
        return [path / part for part in self.spec.parts] or [path]

    def refuse_unready(self) -> None:
        """Raise UserError, with what to do, if its packages or its weights are not there."""
        self.spec.refuse_unready(self.name, self.weights)

    def drawn_by_others(self, stain: str | None) -> Annotation:
        """Masks: of the very stain if it has learnt from that one, or if nobody knows the stain."""
        return Annotation.MASKS if stain in (None, *self.spec.stains) else Annotation.OTHER_STAIN

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """`labels`, float32 (B, H, W): the number of each pixel's nucleus, of images in [0, 1]."""
        pixels = (images.movedim(1, -1) * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        found = np.stack([self.segmented(image) for image in pixels])
        return {"labels": torch.from_numpy(found.astype(np.float32))}

    def segmented(self, *given: NDArray[Any]) -> NDArray[Any]:
        """Labels (H, W) of an image at its scale, uint8 (H, W, 3), and of clicks if it needs them."""
        if self._segment is None:
            weights = self.spec.refuse_unready(self.name, self.weights)
            self._segment = start(self.name, weights, self.device.type, self.settings)
        return self._segment(*(np.ascontiguousarray(array) for array in given))

    def segmenter(
        self,
        mpp: float | None = None,
        autocast: torch.dtype | None = None,
        batch: int = 1,
        channels_last: bool = False,
    ) -> Segmenter:
        """This model as a Segmenter that shows it images at `mpp` µm/px; None: at its own."""
        mpp = mpp or self.trained_mpp
        if not self.spec.clicks:
            return super().segmenter(mpp, autocast, batch, channels_last)
        return ClickSegmenter(
            clicked=self.segmented,
            predict=self.maps,
            chain=self.chain,
            mean=self.mean,
            std=self.std,
            join="own",
            mpp=mpp,
            device=self.device,
        )
