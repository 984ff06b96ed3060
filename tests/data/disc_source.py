"""A source of dark discs of known size in µm, whose spacing is whatever a test says."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from maskless.data.derive import complete
from maskless.data.source import Source, Split
from maskless.signals import Item, Sample, Signal

RADIUS_UM = 12.0


def disc(side: int, mpp: float) -> np.ndarray:
    """White, with one black disc of `RADIUS_UM` in the middle; uint8 (side, side, 3)."""
    rows, columns = np.indices((side, side)) * mpp
    middle = (side - 1) / 2 * mpp
    inside = np.hypot(rows - middle, columns - middle) <= RADIUS_UM
    return np.where(inside[..., None], 0, 255).astype(np.uint8).repeat(3, axis=2)


class Discs(Source):
    """Training images by name, each with its own spacing; nothing but images."""

    name: ClassVar[str] = "discs"
    may_offer: ClassVar[frozenset[Signal]] = frozenset({Signal.IMAGE})
    licence: ClassVar[str] = "none"
    how_to_get: ClassVar[str] = "It is drawn."
    side = 240

    def __init__(self, spacings: Mapping[str, float | None]) -> None:
        self.spacings, self.split = dict(spacings), "official"

    def splits(self) -> Mapping[str, Split]:
        return {"official": Split({"train": tuple(Item(name, name) for name in self.spacings)})}

    def read(self, item, signals) -> Sample:
        mpp = self.spacings[item.id]
        image = disc(self.side, mpp or 1.0) if Signal.IMAGE in signals else np.zeros((1, 1, 3), np.uint8)
        return complete(Sample(item, {Signal.IMAGE: image}, mpp=mpp), signals)

    def problems(self) -> list[str]:
        return []

    def files(self, item: Item) -> list[Path]:
        return []
