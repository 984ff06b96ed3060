from typing import Any

import numpy as np
import pytest
from test_stained import tissue

from maskless.build import build
from maskless.data.attention_labels import AttentionLabels
from maskless.data.label_cache import cached
from maskless.data.labeller import Labeller
from maskless.data.voronoi_label import discs, voronoi_edges
from maskless.errors import UserError
from maskless.signals import IGNORE, Signal

SIZE = (60, 90)


def disc(row: int, column: int, radius_px: int = 8) -> np.ndarray:
    return discs(np.array([[row, column]]), SIZE, radius_px=radius_px)


def given(dark: np.ndarray, attended: np.ndarray) -> dict[Signal, Any]:
    """An image that is stained in `dark`, and a probability that is high in `attended`; both bool (H, W)."""
    probability = np.where(attended, 0.9, 0.1).astype(np.float16)
    return {Signal.IMAGE: tissue(np.where(dark, 0.8, 0.1)), Signal.PROBABILITY: probability}


def made(dark: np.ndarray, attended: np.ndarray, **values: Any) -> tuple[np.ndarray, np.ndarray]:
    """The Voronoi label and the agreement, without blur, so that each pixel stands for itself."""
    found = AttentionLabels(**{"sigma_px": 0.0, **values})(given(dark, attended))
    assert set(found) == {Signal.LABELS}
    labels = found[Signal.LABELS]
    assert (labels.dtype, labels.shape) == (np.uint8, (*dark.shape, 2))
    return labels[..., 0], labels[..., 1]


def test_the_two_agree_disagree_or_see_nothing() -> None:
    dark, attended = disc(20, 20) | disc(20, 50), disc(20, 26) | disc(45, 70)
    _, agreement = made(dark, attended)
    np.testing.assert_array_equal(agreement == 1, dark & attended)
    np.testing.assert_array_equal(agreement == 0, ~dark & ~attended)
    np.testing.assert_array_equal(agreement == IGNORE, dark ^ attended)


def test_small_pieces_of_agreement_are_ignored() -> None:
    """Neither nucleus nor background, nor are they points."""
    large, small = disc(20, 20), disc(45, 70, radius_px=2)  # 13 px
    voronoi, agreement = made(large | small, large | small)
    np.testing.assert_array_equal(agreement == 1, large)
    assert (agreement[small] == IGNORE).all()
    np.testing.assert_array_equal(voronoi == 1, disc(20, 20, radius_px=2))
    _, kept = made(large | small, large | small, min_area_px=13)
    np.testing.assert_array_equal(kept == 1, large | small)


def test_pale_middles_of_nuclei_are_filled() -> None:
    ring = disc(30, 40) & ~disc(30, 40, radius_px=2)
    _, agreement = made(ring, ring)
    np.testing.assert_array_equal(agreement == 1, disc(30, 40))


def test_nuclei_that_touch_are_parted_by_an_edge() -> None:
    both = disc(30, 30) | disc(30, 44)
    voronoi, agreement = made(both, both)
    np.testing.assert_array_equal(agreement == 1, both)
    np.testing.assert_array_equal(voronoi == 1, discs(np.array([[30, 30], [30, 44]]), SIZE, radius_px=2))
    np.testing.assert_array_equal(
        voronoi == 0, voronoi_edges(np.array([[30, 30], [30, 44]]), SIZE) & (voronoi != 1)
    )
    assert (voronoi[:, 36:39] == 0).any(axis=1).all()  # from the top of the image to its bottom
    assert (voronoi[:, 40:48] != 0).all()


def test_maxima_within_the_radius_are_one_nucleus() -> None:
    both = disc(30, 30) | disc(30, 44)
    wide = both | (disc(30, 37, radius_px=7))  # no waist, but a plateau
    assert (made(wide, wide, radius_px=20)[0] == 1).sum() == 13
    assert (made(both, both, radius_px=5)[0] == 1).sum() == 26


@pytest.mark.parametrize("nothing", ["attended", "dark", "both"])
def test_without_an_agreed_nucleus_the_voronoi_label_is_ignored(nothing: str) -> None:
    none, nucleus = np.zeros(SIZE, bool), disc(30, 40)
    dark = none if nothing in ("dark", "both") else nucleus
    attended = none if nothing in ("attended", "both") else nucleus
    voronoi, agreement = made(dark, attended)
    assert (voronoi == IGNORE).all()
    np.testing.assert_array_equal(agreement, np.where(dark | attended, IGNORE, 0))


def test_a_nucleus_alone_has_no_edge() -> None:
    voronoi, _ = made(disc(30, 40), disc(30, 40))
    assert set(np.unique(voronoi)) == {1, IGNORE}


def test_above_is_of_the_probability() -> None:
    signals = given(disc(30, 40), disc(30, 40))
    signals[Signal.PROBABILITY] = np.where(disc(30, 40), 0.6, 0.3).astype(np.float16)
    for above, nuclei, background in ((0.5, True, True), (0.7, False, True), (0.2, True, False)):
        agreement = AttentionLabels(above=above, sigma_px=0)(signals)[Signal.LABELS][..., 1]
        assert ((agreement == 1).any(), (agreement == 0).any()) == (nuclei, background), above


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (7, 5)])
def test_images_of_any_size_have_labels(size: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    signals = {
        Signal.IMAGE: random.integers(0, 256, (*size, 3), dtype=np.uint8),
        Signal.PROBABILITY: random.random(size, np.float32),
    }
    labels = AttentionLabels(min_area_px=1, radius_px=1)(signals)[Signal.LABELS]
    assert labels.shape == (*size, 2)
    assert set(np.unique(labels)) <= {0, 1, IGNORE}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"above": 0.0}, "above=0.0"),
        ({"above": 1.0}, "above=1.0"),
        ({"above": float("nan")}, "above=nan"),
        ({"sigma_px": -0.5}, "sigma_px=-0.5"),
        ({"radius_px": 0}, "radius_px=0"),
        ({"min_area_px": 0}, "min_area_px=0"),
    ],
)
def test_values_that_cannot_be_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said) as refused:
        AttentionLabels(**values)
    assert "\n" not in str(refused.value)


def test_it_is_a_labeller_that_asks_for_nothing_that_anybody_drew() -> None:
    labeller = build({"_target_": "maskless.data.attention_labels.AttentionLabels", "above": 0.4})
    assert isinstance(labeller, Labeller)
    assert labeller.needs == {Signal.IMAGE, Signal.PROBABILITY}
    assert set(labeller(given(disc(9, 9), disc(9, 9)))) == labeller.makes


def test_labels_are_kept_by_every_value_that_they_depend_on(tmp_path) -> None:
    signals = given(disc(30, 40), disc(30, 40))
    others = ({"above": 0.4}, {"sigma_px": 2.0}, {"radius_px": 9}, {"min_area_px": 50})
    assert len({repr(AttentionLabels(**values)) for values in ({}, *others)}) == 5
    for values in ({}, {}, *others):
        cached(AttentionLabels(**values), signals, tmp_path)
    cached(AttentionLabels(), given(disc(30, 40), disc(30, 41)), tmp_path)  # another map of the earlier stage
    assert len(list(tmp_path.rglob("*.npz"))) == 6
