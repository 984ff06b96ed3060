"""What is compared of an image that is translated before it is segmented."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from maskless.data.source import Source, Split
from maskless.inference.scoring import score_source
from maskless.signals import Item, Sample, Signal
from maskless.translated import TRANSLATED, Translated

ITEM = Item("a", "a")
COUNTS = ("nuclei_before", "nuclei_after", "kept", "vanished", "appeared")


def squares(*corners: tuple[int, int]) -> NDArray[np.int32]:
    """Nuclei of 8 x 8 px, numbered in this order."""
    labels = np.zeros((96, 96), np.int32)
    for number, (row, column) in enumerate(corners, 1):
        labels[row : row + 8, column : column + 8] = number
    return labels


TRUE = squares((8, 8), (8, 48), (48, 8), (48, 48))
#: What the translation shows: one nucleus is where it was, one is 4 px lower, two are gone and one is new.
MADE = squares((8, 8), (12, 48), (80, 80))


def grey(labels: NDArray[np.int32], dark: int) -> NDArray[np.uint8]:
    return np.repeat(np.where(labels > 0, dark, 255).astype(np.uint8)[..., None], 3, axis=2)


class Redrawn:
    """A translator that shows MADE whatever it is given."""

    mpp = 0.5

    def maps(self, image: NDArray[np.uint8], mpp: float | None = None) -> dict[str, Any]:
        return {TRANSLATED: np.moveaxis(grey(MADE, 0), -1, 0).astype(np.float32) / 255}


class Dark:
    """A segmenter that finds what is black, and of the image itself nothing but its first two nuclei."""

    def segment(self, image: NDArray[np.uint8], mpp: float | None = None) -> NDArray[np.int32]:
        assert mpp == 0.5
        return ndimage.label(image[..., 0] < 128)[0].astype(np.int32)

    def maps(self, image: NDArray[np.uint8], mpp: float | None = None) -> dict[str, Any]:
        return {}


class OneImage(Source):
    """An image whose first two nuclei are black and whose others are pale."""

    name = "one"
    split = "official"

    def __init__(self, mpp: float | None, truth: Mapping[Signal, Any]) -> None:
        self.mpp, self.truth = mpp, truth
        self.path = None

    @property
    def offers(self) -> frozenset[Signal]:
        return frozenset({Signal.IMAGE, *self.truth})

    def splits(self) -> Mapping[str, Split]:
        return {"official": Split({"test": (ITEM,)})}

    def read(self, item: Item, signals: Collection[Signal]) -> Sample:
        image = grey(TRUE, 200)
        image[(TRUE > 0) & (TRUE < 3)] = 0
        return Sample(item, {Signal.IMAGE: image, **self.truth}, mpp=self.mpp)

    def files(self, item: Item) -> list[Path]:
        return []

    def problems(self) -> list[str]:
        return []


def rows_of(mpp: float | None, **truth: Any) -> dict[tuple[str, str], dict[str, Any]]:
    source = OneImage(mpp, {Signal(name): value for name, value in truth.items()})
    (scored,) = score_source(Translated(Redrawn(), Dark()), source, "test")
    np.testing.assert_array_equal(scored.made, grey(MADE, 0))
    np.testing.assert_array_equal(scored.found > 0, MADE > 0)
    assert all(
        (row["source"], row["image"], row["split"]) == ("one", "a", "test") for row in scored.structure
    )
    return {(row["before"], row["after"]): row for row in scored.structure}


def test_truth_input_and_translation_are_compared_by_pairs() -> None:
    found = rows_of(0.5, instances=TRUE)
    assert {pair: tuple(row[name] for name in COUNTS) for pair, row in found.items()} == {
        ("truth", "input"): (4, 2, 2, 2, 0),
        ("truth", "translation"): (4, 3, 2, 2, 1),
        ("input", "translation"): (2, 3, 2, 0, 1),
    }
    moved = found["input", "translation"]
    assert (moved["moved_mean_px"], moved["moved_mean_um"]) == (2, 1)
    assert found["truth", "input"]["moved_p95_um"] == 0


def test_points_are_a_truth_too() -> None:
    found = rows_of(0.5, points=np.array([(11.5, 11.5), (11.5, 51.5), (51.5, 11.5)], np.float32))
    assert tuple(found["truth", "translation"][name] for name in COUNTS) == (3, 3, 2, 1, 1)


def test_only_nuclei_inside_the_region_count() -> None:
    region = np.ones((96, 96), np.uint8)
    region[70:] = 0
    found = rows_of(0.5, instances=TRUE, region=region)
    assert tuple(found["input", "translation"][name] for name in COUNTS) == (2, 2, 2, 0, 0)


def test_where_the_spacing_is_not_known_distances_are_in_pixels_alone() -> None:
    """The wrapped segmenter is given the translator's spacing all the same."""
    row = rows_of(None, instances=TRUE)["input", "translation"]
    assert (row["moved_mean_px"], row["moved_mean_um"]) == (2, None)


def test_what_is_not_translated_has_no_such_rows() -> None:
    class Direct(Dark):
        def segment(self, image: NDArray[np.uint8], mpp: float | None = None) -> NDArray[np.int32]:
            return super().segment(image, 0.5)

    (scored,) = score_source(Direct(), OneImage(0.5, {Signal.INSTANCES: TRUE}), "test")
    assert scored.structure == []
    assert scored.made is None


def test_both_sides_are_found_by_the_wrapped_segmenter_alone_where_maps_are_averaged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With direct= the instances come of both pictures, and would hide what the translation has lost."""
    segmenter = Translated(Redrawn(), Dark())
    segmenter.direct = 0.5
    monkeypatch.setattr(segmenter, "segment_both", lambda image, mpp: (TRUE, grey(MADE, 0)))
    (scored,) = score_source(segmenter, OneImage(0.5, {Signal.INSTANCES: TRUE}), "test")
    counts = {(row["before"], row["after"]): row["nuclei_after"] for row in scored.structure}
    assert counts["truth", "translation"] == 3
