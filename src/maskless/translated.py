"""A segmenter of one stain for images of another: they are translated first."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskless.errors import UserError
from maskless.segmenter import MapSegmenter, Segmenter, resized_maps
from maskless.spacing import spacing_of

#: The map of a translator: RGB, float32 (3, H, W), 0 to 1.
TRANSLATED = "translated"


class Translated:
    """A Segmenter: `then` segments what `translator` makes of an image, pixel for pixel.

    `translator` gives a map `translated`, and works at its own pixel spacing, `then` at its own. With
    `direct` above 0 the maps that `then` gives of the image itself are averaged with those of its
    translation, by that weight. Raises UserError if `direct` is not from 0 to below 1, or `then` has no maps
    that can be averaged.
    """

    def __init__(self, translator: MapSegmenter, then: Segmenter, direct: float = 0.0) -> None:
        if not 0 <= direct < 1:
            raise UserError(
                f"direct={direct} must be from 0 to below 1: the weight of the untranslated image"
            )
        if direct and not (isinstance(then, MapSegmenter) and then.join == "blend"):
            raise UserError(
                f"direct={direct} averages maps, and the wrapped segmenter has none of the whole image: "
                "leave direct= out"
            )
        self.translator, self.then, self.direct = translator, then, direct

    @property
    def mpp(self) -> float | None:
        """The pixel spacing of the translator, in µm/px."""
        return self.translator.mpp

    def segment(self, image: NDArray[np.uint8], mpp: float | None = None) -> NDArray[np.int32]:
        """Instances int32 (H, W), ids 1..N, of RGB uint8 (H, W, 3) at `mpp` µm/px (None: as trained)."""
        return self.segment_both(image, mpp)[0]

    def segment_both(
        self, image: NDArray[np.uint8], mpp: float | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """The instances, as `segment` finds them, and the translation, as `translate` makes it."""
        mpp, made = self._translated(image, mpp)
        if self.direct:
            return self.find(self._seen(image, made, mpp)), made
        return self.then.segment(made, mpp), made

    def look(self, image: NDArray[np.uint8], mpp: float | None = None) -> Any:
        """The first half of `segment`, that of the networks; `find` is the other."""
        mpp, made = self._translated(image, mpp)
        return self._seen(image, made, mpp)

    def find(self, seen: Any) -> NDArray[np.int32]:
        """The second half of `segment`: instances int32 (H, W) of what `look` gave."""
        return self.then.find(seen) if isinstance(self.then, MapSegmenter) else seen

    def _seen(self, image: NDArray[np.uint8], made: NDArray[np.uint8], mpp: float | None) -> Any:
        if not isinstance(self.then, MapSegmenter):
            return self.then.segment(made, mpp)
        if self.direct:
            return self.then.look_at_mean([1 - self.direct, self.direct], [made, image], mpp)
        return self.then.look(made, mpp)

    @property
    def square_px(self) -> int:
        """The side of the squares that `knowing` takes, in the translator's pixels."""
        return self.translator.square_px

    @contextmanager
    def knowing(self, squares: NDArray[np.uint8]) -> Iterator[None]:
        """Inside, every image is a part of one whole, known by squares of it: see `MapSegmenter.knowing`.

        Raises UserError if `then` changes colours by the whole and sees the untranslated image, too: the two
        wholes have other colours.
        """
        if self.direct and isinstance(self.then, MapSegmenter) and hasattr(self.then.colour, "like"):
            raise UserError(
                f"direct={self.direct} averages maps of slides of two stains, and what is wrapped knows the "
                "colours of one: leave direct= out"
            )
        with self.translator.knowing(squares):
            if not isinstance(self.then, MapSegmenter):
                yield
                return
            made = np.stack([self.translate(square) for square in squares])
            with self.then.knowing(made):
                yield

    def maps(self, image: NDArray[np.uint8], mpp: float | None = None) -> dict[str, NDArray[Any]]:
        """The map `translated` and those of which `segment` finds the nuclei, float32 (H, W) or (C, H, W)."""
        mpp, made = self._translated(image, mpp)
        if self.direct:
            averaged = resized_maps(self._seen(image, made, mpp).maps, image.shape[:2])
            return {TRANSLATED: _as_map(made), **averaged}
        return {TRANSLATED: _as_map(made), **self.then.maps(made, mpp)}

    def steps(self, image: NDArray[np.uint8], mpp: float | None = None) -> dict[str, NDArray[Any]]:
        """As `MapSegmenter.steps`, of the translated image, which comes first."""
        if not isinstance(self.then, MapSegmenter):
            raise UserError("the wrapped segmenter has no post-processing chain of ours to be shown")
        mpp, made = self._translated(image, mpp)
        return {TRANSLATED: _as_map(made), **self.then.steps_of(self._seen(image, made, mpp))}

    def translate(self, image: NDArray[np.uint8], mpp: float | None = None) -> NDArray[np.uint8]:
        """The image in the other stain, RGB uint8 (H, W, 3), at the pixel spacing of `image`."""
        return self._translated(image, mpp)[1]

    def _translated(
        self, image: NDArray[np.uint8], mpp: float | None
    ) -> tuple[float | None, NDArray[np.uint8]]:
        """The pixel spacing of the image, that of the translator if it is not said; and its translation."""
        return spacing_of(mpp) or self.translator.mpp, translate(self.translator, image, mpp)


def last_of(segmenter: Segmenter) -> Segmenter:
    """The segmenter that finds the nuclei: what a `Translated` wraps, or else this one."""
    return segmenter.then if isinstance(segmenter, Translated) else segmenter


def translate(
    translator: MapSegmenter, image: NDArray[np.uint8], mpp: float | None = None
) -> NDArray[np.uint8]:
    """What `translator`, which gives a map `translated`, makes of an image: RGB uint8 (H, W, 3), as given."""
    pixels = np.rint(255 * np.clip(translator.maps(image, mpp)[TRANSLATED], 0, 1)).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(pixels, 0, -1))


def _as_map(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.moveaxis(image, -1, 0).astype(np.float32) / np.float32(255)
