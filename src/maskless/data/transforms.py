"""Augmentation: albumentations pipelines by name, seeded by a sample's address."""

import os
from collections.abc import Mapping
from inspect import signature
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks its registry on import otherwise

import albumentations as A
import cv2
import numpy as np

from maskless.errors import UserError, did_you_mean
from maskless.signals import Signal
from maskless.stain import VECTORS, recombine, stains

#: A patch this much larger than the crop is cut first, so that turned and enlarged tissue fills the crop.
CONTEXT = 1.5
#: Signals that lie on the image's grid, beside the image itself.
ON_GRID = (Signal.INSTANCES, Signal.MASK, Signal.REGION, Signal.LABELS)


class StainJitter(A.ImageOnlyTransform):
    """Another laboratory's stain: each optical density times its own U(1 - factor, 1 + factor) draw."""

    def __init__(self, factor: float, p: float = 0.5) -> None:
        super().__init__(p=p)
        if not 0 <= factor < 1:
            raise ValueError(f"factor={factor} must be at least 0 and below 1")
        self.factor = factor

    def get_params(self) -> dict[str, Any]:
        low, high = 1 - self.factor, 1 + self.factor
        return {"factors": self.random_generator.uniform(low, high, 3).astype(np.float32)}

    def apply(self, img: np.ndarray, factors: np.ndarray, **params: Any) -> np.ndarray:
        return recombine(stains(img) * factors)


class HEDJitter(A.ImageOnlyTransform):
    """Each of haematoxylin, eosin and DAB times its own N(1, sigma) draw (Sahasrabudhe et al., MICCAI 2020).

    `formula='density'` takes stains as decimal optical densities. 'shifted' is what the published code did
    with the scikit-image of its day: -log10(x + 2) in place of -log10(x), x in [0, 1], so that the same sigma
    moves pixels ten times as far, white ones too.
    """

    def __init__(self, sigma: float = 0.03, formula: str = "shifted", p: float = 1.0) -> None:
        super().__init__(p=p)
        if sigma < 0 or formula not in ("shifted", "density"):
            raise ValueError(f"sigma={sigma} is 0 or more, formula={formula!r} 'shifted' or 'density'")
        self.sigma, self.formula = sigma, formula

    def get_params(self) -> dict[str, Any]:
        return {"factors": self.random_generator.normal(1, self.sigma, 3).astype(np.float32)}

    def apply(self, img: np.ndarray, factors: np.ndarray, **params: Any) -> np.ndarray:
        if self.formula == "density":
            return recombine(stains(img) * factors)
        return np.rint(255 * hed_jittered(img / np.float32(255), factors)).astype(np.uint8)


def hed_jittered(pixels: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """RGB float (..., 3) in [0, 1], its 'shifted' stains times `factors` (3,), clipped to [0, 1]."""
    vectors = VECTORS["H-E-DAB"]
    amounts = -np.log10(pixels + 2) @ np.linalg.inv(vectors)
    return np.clip(10 ** -((amounts * factors) @ vectors) - 2, 0, 1)


class CropOrHalve(A.DualTransform):
    """A random crop, or, by the chance `halve`, twice the field at half the power (bilinear).

    A patch that is not twice as large as the crop is never halved.
    """

    #: How much larger than the crop a patch has to be.
    context = 2.0
    #: The side of the crop; a pipeline sets it.
    crop_px = 1

    def __init__(self, halve: float = 0.5) -> None:
        super().__init__(p=1.0)
        if not 0 <= halve <= 1:
            raise ValueError(f"halve={halve} is a chance, 0 to 1")
        self.halve = halve

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        patch = params["shape"][:2]
        halved = self.random_generator.random() < self.halve and min(patch) >= 2 * self.crop_px
        sides = [side // 2 if halved else min(side, self.crop_px) for side in patch]
        corner = [
            int(self.random_generator.integers(whole - side + 1))
            for whole, side in zip(patch, sides, strict=True)
        ]
        return {"halved": halved, "sides": sides, "corner": corner}

    def apply(self, img: np.ndarray, **params: Any) -> np.ndarray:
        return self._cropped(img, cv2.INTER_LINEAR, **params)

    def apply_to_mask(self, mask: np.ndarray, **params: Any) -> np.ndarray:
        return self._cropped(mask, cv2.INTER_NEAREST, **params)

    def _cropped(
        self, array: np.ndarray, how: int, halved: bool, sides: list[int], corner: list[int], **_: Any
    ) -> np.ndarray:
        (height, width), (row, column) = sides, corner
        if halved:
            return cv2.resize(array, (width, height), interpolation=how)
        return np.ascontiguousarray(array[row : row + height, column : column + width])


#: Steps of ours beside those of albumentations.
OWN = {kind.__name__: kind for kind in (StainJitter, HEDJitter, CropOrHalve)}


class Pipeline:
    """Cut a patch, augment it, keep the middle: `pipeline(arrays, rng)`.

    `spec` maps a free name to `{step: an albumentations class or one of OWN, its arguments}`, in order.
    `arrays` maps signals on one grid to arrays (H, W[, 3]), with an image or without; the result has side
    `crop_px` and the same dtypes, and label ids pass unchanged. An image smaller than the crop is continued
    by reflection.
    """

    def __init__(self, spec: Mapping[str, Mapping[str, Any]], crop_px: int) -> None:
        self.crop_px = crop_px
        for name, step in spec.items():
            if not (
                isinstance(step, Mapping) and isinstance(step.get("step"), str) and all(map(_is_word, step))
            ):
                raise UserError(
                    f"augment step {name!r} must name its step, as in {{step: D4, p: 1.0}}, not {step!r:.80}"
                )
        self.steps = [_step(name, **step) for name, step in spec.items()]
        for step in self.steps:
            if isinstance(step, CropOrHalve):
                step.crop_px = crop_px
        context = max([CONTEXT, *(getattr(step, "context", 0.0) for step in self.steps)])
        self.patch_px = round(crop_px * context)
        pad = A.PadIfNeeded(crop_px, crop_px, border_mode=cv2.BORDER_REFLECT_101, p=1)
        # Each by its own name, for they differ in type and number of channels.
        targets = {signal.value: "mask" for signal in ON_GRID}
        self.compose = A.Compose(
            [*self.steps, pad, A.CenterCrop(crop_px, crop_px)], additional_targets=targets
        )

    def __call__(
        self, arrays: Mapping[Signal, np.ndarray], rng: np.random.Generator
    ) -> dict[Signal, np.ndarray]:
        grid = [signal for signal in ON_GRID if signal in arrays]
        image = arrays.get(Signal.IMAGE)
        if image is None:  # albumentations does nothing without one
            image = np.zeros((*arrays[grid[0]].shape[:2], 3), np.uint8)
        rows, columns = (_cut(side, self.patch_px, rng) for side in image.shape[:2])
        masks = {s.value: np.ascontiguousarray(_warped(arrays[s][rows, columns])) for s in grid}
        self.compose.set_random_seed(int(rng.integers(2**31)))
        done = self.compose(image=np.ascontiguousarray(image[rows, columns]), **masks)
        result = {}
        if Signal.IMAGE in arrays:
            result[Signal.IMAGE] = np.ascontiguousarray(done["image"])
        for signal in grid:
            result[signal] = np.ascontiguousarray(done[signal.value]).astype(arrays[signal].dtype)
        return result


def _is_word(key: object) -> bool:
    return isinstance(key, str)


def _warped(array: np.ndarray) -> np.ndarray:
    """What warps take: no int32. Ids travel as float64, which holds them exactly, and come back."""
    return array if array.dtype == np.uint8 else array.astype(np.float64)


def _cut(side: int, patch: int, rng: np.random.Generator) -> slice:
    start = int(rng.integers(max(side - patch, 0) + 1))
    return slice(start, start + min(side, patch))


def _step(name: str, step: str, **arguments: Any) -> A.BasicTransform:
    kind: Any = OWN.get(step) or getattr(A, step, None)
    if kind is None or not issubclass(kind, A.BasicTransform):
        theirs = [n for n, k in vars(A).items() if isinstance(k, type) and issubclass(k, A.BasicTransform)]
        known = [*OWN, *theirs]
        raise UserError(f"augment step {name!r}: there is no {step!r}{did_you_mean(step, known)}")
    known = list(signature(kind.__init__).parameters)
    for argument in arguments:
        if argument not in known:
            raise UserError(
                f"augment step {name!r}: {step} has no {argument!r}{did_you_mean(argument, known)}"
            )
    if step == "Affine":
        nearest = {"mask_interpolation": cv2.INTER_NEAREST, "border_mode": cv2.BORDER_REFLECT_101}
        arguments = {**nearest, **arguments}
    try:
        # Lists are tuples to albumentations.
        return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in arguments.items()})
    except (TypeError, ValueError) as error:
        raise UserError(f"augment step {name!r} cannot be built: {' '.join(str(error).split())}") from error
