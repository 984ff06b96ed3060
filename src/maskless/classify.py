"""Positive or negative: whether a nucleus holds the brown of DAB, by one of three rules.

All are for markers of the nucleus (Ki67, ER, PR, p53) in DAB with haematoxylin. Each gives a nucleus a
number, which is written beside its class, and calls it positive from a threshold on.
"""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from maskless.errors import UserError
from maskless.nucleus_pixels import NucleusPixels
from maskless.stain import stains

POSITIVE, NEGATIVE = "positive", "negative"

#: Where in an image's nuclei, ordered by their DAB for their haematoxylin, one is taken to be bare of DAB: it
#: is while less than four in five are positive.
_BARE = 0.2
#: DAB for haematoxylin that a bare nucleus can seem to have, either way; a field of positive nuclei has more.
_MOST_BARE = 0.5
#: Less haematoxylin than this, in optical density, says nothing about its colour.
_LEAST_HAEMATOXYLIN = 0.05


class Classifier(Protocol):
    """Anything that gives each nucleus a number, `column`, from whose `threshold` on it is positive."""

    column: ClassVar[str]
    #: The map of the segmenter that it looks at in place of the image, if it does.
    map: ClassVar[str | None] = None
    threshold: float

    def seen(self, image: NDArray[Any], instances: NDArray[Any]) -> NDArray[np.float64]:
        """What is seen of each nucleus of `instances` (H, W), 0 = background, by itself: (N, K) by rising id.

        `image` is RGB, uint8 (H, W, 3), or the `map`, float32 (H, W).
        """
        ...

    def rule(
        self, of_all: Iterable[NDArray[np.float64]]
    ) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        """What gives the numbers (N,) of nuclei of which (N, K) was seen.

        `of_all` is what was seen of all nuclei of the image or slide, in parts, read once and one after
        another. Usually it does not matter, and the number is the last that was seen of a nucleus.
        """
        return _last

    def score(self, image: NDArray[Any], instances: NDArray[Any]) -> NDArray[np.float64]:
        """The number of each nucleus of `instances` (H, W), the whole image, by rising id, float64 (N,)."""
        seen = self.seen(image, instances)
        return self.rule([seen])(seen)


class DAB(Classifier):
    """Positive is a nucleus whose mean DAB density, decimal, is `above` or more (1 is a tenth of the light).

    The density is the amount of DAB after deconvolution into haematoxylin and DAB (`stain.stains`, H-DAB),
    less what the image's own haematoxylin leaves there, which is bluer or browner than the textbook's from
    one laboratory and scanner to the next. That is found from the nuclei themselves: at least a fifth of
    them must be negative. With `own_haematoxylin=False` nothing is taken off, each nucleus is judged by
    itself, and `above=0.2` is then what QuPath's positive cell detection does by default. docs/predict.md
    has measurements. Raises UserError for a density outside -1 to 3.
    """

    column: ClassVar[str] = "dab_excess"
    map: ClassVar[str | None] = None

    def __init__(self, above: float = 0.1, own_haematoxylin: bool = True) -> None:
        _check("above", above, -1, 3)
        self.threshold = above
        self.own_haematoxylin = own_haematoxylin

    def seen(self, image: NDArray[np.uint8], instances: NDArray[Any]) -> NDArray[np.float64]:
        """See `Classifier`: the mean density of haematoxylin and of DAB."""
        return NucleusPixels(instances).mean(image, lambda rgb: stains(rgb, "H-DAB")[..., :2])

    def rule(
        self, of_all: Iterable[NDArray[np.float64]]
    ) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        """See `Classifier`: the DAB density beyond the haematoxylin's."""
        if not self.own_haematoxylin:
            return _last
        ratios = [seen[:, 1] / np.maximum(seen[:, 0], _LEAST_HAEMATOXYLIN) for seen in of_all]
        ratio = np.concatenate(ratios) if ratios else np.empty(0)
        tint = np.clip(np.quantile(ratio, _BARE), -_MOST_BARE, _MOST_BARE) if len(ratio) else 0.0
        return lambda seen: seen[:, 1] - tint * seen[:, 0]


class HSI(Classifier):
    """Positive is a nucleus of whose pixels a `share` or more are brown, by hue, saturation and intensity.

    A pixel is brown if its hue is at most half of `hue_width` from `hue` (on the circle, 0 to 1: red is 0,
    green 1/3), its saturation is at least `saturation`, and its intensity is from `darkest` to below
    `brightest` (0 to 1). This is the positive pixel count of HistomicsTK with the numbers of its own example
    for DAB, which has no `share`. It finds brown that nobody would doubt; weak and nearly black brown are
    other hues. Raises UserError for numbers outside 0 to 1.
    """

    column: ClassVar[str] = "brown_share"
    map: ClassVar[str | None] = None

    def __init__(
        self,
        hue: float = 0.05,
        hue_width: float = 0.15,
        saturation: float = 0.05,
        darkest: float = 0.05,
        brightest: float = 0.95,
        share: float = 0.1,
    ) -> None:
        self.hue, self.hue_width, self.saturation = hue, hue_width, saturation
        self.darkest, self.brightest, self.threshold = darkest, brightest, share
        for name, value in vars(self).items():
            _check("share" if name == "threshold" else name, value, 0, 1)

    def seen(self, image: NDArray[np.uint8], instances: NDArray[Any]) -> NDArray[np.float64]:
        """See `Classifier`: the share of its pixels that are brown, 0 to 1."""
        return NucleusPixels(instances).mean(image, self.brown)

    def brown(self, image: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Which pixels of an image, RGB, uint8 (..., 3), are brown: bool (...)."""
        hue, saturation, intensity = np.moveaxis(hsi(image), -1, 0)
        away = np.abs(hue - self.hue)
        return (
            (np.minimum(away, 1 - away) <= self.hue_width / 2)
            & (saturation >= self.saturation)
            & (intensity >= self.darkest)
            & (intensity < self.brightest)
        )


class Masks(Classifier):
    """Positive is a nucleus of whose pixels the method's own mask of positive nuclei has a `share` or more.

    For methods that give a mask a stain, as spatial_prior with masks=2. Raises UserError for a share outside
    0 to 1.
    """

    column: ClassVar[str] = "positive_share"
    map: ClassVar[str | None] = "positive"

    def __init__(self, share: float = 0.5) -> None:
        _check("share", share, 0, 1)
        self.threshold = share

    def seen(self, image: NDArray[Any], instances: NDArray[Any]) -> NDArray[np.float64]:
        """See `Classifier`: the share of its pixels that are in the mask, 0 to 1."""
        return NucleusPixels(instances).mean(image[..., None] > 0.5, lambda inside: inside)


def classes_of(classifier: Classifier, image: NDArray[Any], instances: NDArray[Any]) -> dict[int, str]:
    """POSITIVE or NEGATIVE for each id of `instances` (H, W), 0 = background; `image` as for `score`."""
    positive = classifier.score(image, instances) >= classifier.threshold
    ids = NucleusPixels(instances).ids
    return {int(k): POSITIVE if one else NEGATIVE for k, one in zip(ids, positive, strict=True)}


def hsi(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Hue, saturation and intensity, float32 (..., 3), 0 to 1 each, of RGB, uint8 (..., 3).

    As HistomicsTK has them: the hue is the angle around the grey axis (red 0, green 1/3, blue 2/3), the
    intensity the mean of the three channels, the saturation 1 less the smallest channel over that mean. Grey
    and black have hue 0 and saturation 0.
    """
    red, green, blue = np.moveaxis(image.astype(np.float32), -1, 0)
    total = red + green + blue
    hue = np.arctan2(np.sqrt(np.float32(3)) * (green - blue), 2 * red - green - blue) / np.float32(2 * np.pi)
    coloured = total - 3 * np.minimum(np.minimum(red, green), blue)
    saturation = np.divide(coloured, total, out=np.zeros_like(total), where=total > 0)
    return np.stack([hue % 1, saturation, total / np.float32(765)], axis=-1)


def _last(seen: NDArray[np.float64]) -> NDArray[np.float64]:
    return seen[:, -1]


def _check(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise UserError(f"classify.{name}={value} must be from {least} to {most}")
