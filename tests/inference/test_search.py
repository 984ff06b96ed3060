"""The search for a chain, on drawn images."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from maskless.data.readers.synthetic import Synthetic
from maskless.errors import UserError
from maskless.inference import search as module
from maskless.inference.search import ChainSearch, Observed, Trial, observe
from maskless.metrics import HIGHER_IS_BETTER, STANDARD, all_scores
from maskless.postprocess.chain import Chain
from maskless.postprocess.parameters import changed
from maskless.segmenter import MapSegmenter
from maskless.signals import Signal

CHAIN = Chain({
    "raw": {"step": "binarise", "of": "foreground", "above": 0.85},
    "mask": {"step": "remove_small", "of": "raw", "min_area_px": 150},
    "depth": {"step": "distance", "of": "mask", "sigma_px": 1},
    "markers": {"step": "local_maxima", "of": "depth", "mask": "mask", "radius_px": 30},
    "instances": {"step": "voronoi", "of": "markers", "mask": "mask"},
})  # fmt: skip
#: A middle threshold, a small area and a short radius find the disks of `drawn`; the chain has none of them.
SPACE = {"raw.above": [0.2, 0.5, 0.85], "mask.min_area_px": [150, 10, 600], "markers.radius_px": [2, 7, 30]}


def drawn(seed: int) -> Observed:
    """Disks of several sizes, two of them touching, on a blurred and noisy foreground."""
    rows, columns = np.indices((64, 80))
    disks = ((20, 18, 10), (20, 37, 9), (48, 60, 8), (50, 20, 5), (12, 66, 4))
    truth = np.zeros(rows.shape, np.int32)
    for k, (row, column, radius) in enumerate(disks):
        truth[(np.hypot(rows - row, columns - column) <= radius) & (truth == 0)] = k + 1
    noise = np.random.default_rng(seed).normal(0, 0.08, rows.shape)
    return Observed({"foreground": (0.2 + 0.6 * (truth > 0) + noise).astype(np.float32)}, truth)


IMAGES = [drawn(0), drawn(1)]


def afresh(chain: Chain, metric: str) -> float:
    """The mean score, computed from nothing that a search has kept."""
    key = (metric, STANDARD[metric])
    return float(np.mean([all_scores(image.truth, chain(image.maps))[key] for image in IMAGES]))


def search(**arguments: Any) -> ChainSearch:
    return ChainSearch(**{"parameters": SPACE, **arguments})


def test_when_trials_suffice_every_combination_is_tried_once_the_present_one_first() -> None:
    trials = list(search(trials=27).run(CHAIN, IMAGES, seed=0))
    tried = [tuple(trial.parameters.values()) for trial in trials]
    assert tried[0] == (0.85, 150, 30)
    assert len(tried) == len(set(tried)) == 27
    for trial in trials:
        assert trial.score == pytest.approx(afresh(changed(CHAIN, trial.parameters), "aji"), abs=1e-12)
    best = search().best(trials)
    assert best.score == max(trial.score for trial in trials)
    assert {**best.parameters, "markers.radius_px": 7} == {
        "raw.above": 0.5, "mask.min_area_px": 10, "markers.radius_px": 7
    }  # fmt: skip
    assert best.parameters["markers.radius_px"] < 30
    assert best.score > 0.9 > 0.5 > trials[0].score


def test_a_present_value_that_is_not_to_be_tried_is_tried_once_all_the_same() -> None:
    trials = list(search(parameters={"raw.above": [0.5, 0.2]}, trials=3).run(CHAIN, IMAGES, seed=0))
    assert [trial.parameters for trial in trials] == [{"raw.above": a} for a in (0.85, 0.2, 0.5)]


@pytest.mark.parametrize("trials", [1, 2, 12, 26])
def test_with_fewer_trials_none_is_tried_twice_and_a_seed_repeats_them(trials: int) -> None:
    first, again, other = (list(search(trials=trials).run(CHAIN, IMAGES, seed)) for seed in (3, 3, 4))
    assert first == again
    assert len(first) == trials
    assert first[0].parameters == {"raw.above": 0.85, "mask.min_area_px": 150, "markers.radius_px": 30}
    assert len({tuple(trial.parameters.values()) for trial in first}) == trials
    for name, values in SPACE.items():
        assert {trial.parameters[name] for trial in first} <= set(values)
    if trials == 12:
        assert other != first
        assert search().best(first).score > first[0].score


def test_proposals_follow_the_scores() -> None:
    """Of 399 chains, 40 are tried: the first ones at random, the later ones where it was good."""
    space = {"raw.above": [k / 20 for k in range(1, 20)], "depth.sigma_px": [k / 10 for k in range(1, 22)]}
    scores = [trial.score for trial in search(parameters=space, trials=40).run(CHAIN, IMAGES, seed=0)]
    assert np.mean(scores[25:]) > np.mean(scores[:10]) + 0.1


def test_proposals_follow_a_distance_downwards(monkeypatch: pytest.MonkeyPatch) -> None:
    def distance_px(chain: Chain, images: Any, metric: str) -> list[float]:
        return [abs(chain.spec["raw"]["above"] - 0.2)]

    monkeypatch.setattr(module, "_scores", distance_px)
    space = {"raw.above": [k / 20 for k in range(1, 20)], "depth.sigma_px": [k / 10 for k in range(1, 22)]}
    by_distance = search(metric="object_hausdorff", parameters=space, trials=40)
    scores = [trial.score for trial in by_distance.run(CHAIN, IMAGES[:1], seed=0)]
    assert np.mean(scores[25:]) < np.mean(scores[:10]) - 0.1


@pytest.mark.parametrize("metric", sorted(HIGHER_IS_BETTER))
def test_any_metric_is_its_standard_definition_and_is_bettered(metric: str) -> None:
    by_metric = search(metric=metric, parameters={"raw.above": [0.3, 0.5, 0.85]})
    trials = list(by_metric.run(CHAIN, IMAGES, seed=0))
    scores = [afresh(changed(CHAIN, trial.parameters), metric) for trial in trials]
    assert [trial.score for trial in trials] == pytest.approx(scores, nan_ok=True)
    best = (np.nanmax if HIGHER_IS_BETTER[metric] else np.nanmin)(scores)
    assert by_metric.best(trials).score == pytest.approx(best)


def test_without_parameters_all_numbers_move_around_their_values() -> None:
    trials = list(ChainSearch(trials=30).run(CHAIN, IMAGES, seed=0))
    assert set(trials[0].parameters) == {
        "raw.above", "mask.min_area_px", "depth.sigma_px", "markers.radius_px"
    }  # fmt: skip
    assert ChainSearch().best(trials).score > trials[0].score


def test_keeping_nothing_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    images = [drawn(0), drawn(1)]
    with_memory = list(search(trials=12).run(CHAIN, images, seed=0))
    held = [sum(result.nbytes for result in image.kept.values()) for image in images]
    monkeypatch.setattr(module, "KEPT_BYTES", 2 * 64 * 80)
    images = [drawn(0), drawn(1)]
    assert list(search(trials=12).run(CHAIN, images, seed=0)) == with_memory
    assert all(sum(result.nbytes for result in image.kept.values()) <= 64 * 80 < h
               for image, h in zip(images, held, strict=True))  # fmt: skip


def test_images_that_do_not_define_the_metric_are_left_out() -> None:
    empty = Observed({"foreground": np.zeros((20, 30), np.float32)}, np.zeros((20, 30), np.int32))
    alone = list(search(trials=27).run(CHAIN, [drawn(0)], seed=0))
    assert list(search(trials=27).run(CHAIN, [drawn(0), empty], seed=0)) == alone
    undefined = list(search(trials=12).run(CHAIN, [empty], seed=0))
    assert len(undefined) == 12
    assert all(math.isnan(trial.score) for trial in undefined)
    with pytest.raises(UserError, match=r"no validation image defines aji: choose another search\.metric"):
        search().best(undefined)


def test_finding_nothing_in_an_image_is_no_way_to_a_short_distance() -> None:
    """Where a chain finds nothing, there is no distance; its mean would be that of the other images alone."""
    faint = drawn(2)
    faint.maps["foreground"][:] *= 0.7
    by_distance = search(metric="average_hausdorff", parameters={"raw.above": [0.3, 0.65]}, trials=2)
    present = changed(CHAIN, {"raw.above": 0.3})
    trials = list(by_distance.run(present, [drawn(0), faint], seed=0))
    assert [trial.parameters["raw.above"] for trial in trials] == [0.3, 0.65]
    assert not changed(CHAIN, {"raw.above": 0.65})(faint.maps).any()
    assert trials[0].score == trials[0].score
    assert math.isnan(trials[1].score)
    # The other way round, finding something where nothing was found is welcome.
    trials = list(by_distance.run(changed(CHAIN, {"raw.above": 0.65}), [drawn(0), faint], seed=0))
    assert not any(math.isnan(trial.score) for trial in trials)


def test_of_equals_the_first_is_best_and_the_undefined_never() -> None:
    trials = [Trial({"a": k}, score) for k, score in enumerate((math.nan, 0.2, 0.7, 0.7, math.nan))]
    assert search().best(trials) is trials[2]
    assert search(metric="object_hausdorff").best(trials) is trials[1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"metric": "ajj"}, r"search\.metric='ajj' is no score; did you mean 'aji'"),
        ({"trials": 0}, r"search\.trials=0 must be at least 1"),
        ({"parameters": {}}, "names nothing to try"),
        ({"parameters": {"raw.above": []}}, r"raw\.above takes a list of values to try"),
        ({"parameters": {"raw.above": 0.3}}, r"raw\.above takes a list of values to try, .* not 0\.3"),
        ({"parameters": {"raw": {"above": [0.3]}}}, "raw takes a list of values to try"),
        ({"parameters": {"raw.abov": [0.3]}}, "no parameter 'raw.abov'; did you mean 'raw.above'"),
        ({"parameters": {"markers.radius_px": [3, 4.5]}}, "must be a whole number, not 4.5"),
        ({"parameters": {"markers.radius_px": [-3]}}, "must be 0 or more, not -3"),
        ({"parameters": {"markers.radius_px": [[3]]}}, r"must be a whole number, not \[3\]"),
        ({"parameters": {"raw.above": [0.3, "half"]}}, "must be a number, not 'half'"),
    ],
)
def test_what_cannot_be_searched_is_said(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        search(**arguments).space(CHAIN)


def test_a_chain_without_numbers_cannot_be_searched() -> None:
    with pytest.raises(UserError, match="sets no number"):
        ChainSearch().space(Chain({"instances": {"step": "label", "of": "foreground"}}))


# -- on a source ---------------------------------------------------------------------------------------------

TISSUE = Synthetic(size_px=64, tiles={"train": 1, "val": 3, "test": 1})


def segmenter(**settings: Any) -> MapSegmenter:
    """Darkness as the foreground."""
    arguments: dict[str, Any] = {"chain": CHAIN, "mean": (0, 0, 0), "std": (1, 1, 1)}
    return MapSegmenter(
        predict=lambda images: {"foreground": 1 - images.mean(1), "unused": torch.zeros_like(images[:, 0])},
        **(arguments | settings),
    )


def test_what_is_observed_is_what_segmenting_sees_and_scores() -> None:
    by_maps = segmenter(mpp=TISSUE.mpp)
    images = list(observe(by_maps, TISSUE, CHAIN))
    assert len(images) == 3
    for item, image in zip(TISSUE.items("val"), images, strict=True):
        sample = TISSUE.read(item, [Signal.IMAGE, Signal.INSTANCES])
        assert list(image.maps) == ["foreground"]
        np.testing.assert_array_equal(image.truth, sample[Signal.INSTANCES])
        np.testing.assert_array_equal(CHAIN(image.maps), by_maps.segment(sample[Signal.IMAGE], sample.mpp))


def test_images_of_another_spacing_are_refused() -> None:
    with pytest.raises(UserError, match=r"trained at, 0\.5 µm/px, and val-0000 of synthetic has 0\.25 µm/px"):
        list(observe(segmenter(mpp=0.5), TISSUE, CHAIN))


class Without:
    """A Segmenter that has no chain."""

    def segment(self, image: np.ndarray, mpp: float | None = None) -> np.ndarray:
        return np.zeros(image.shape[:2], np.int32)

    def maps(self, image: np.ndarray, mpp: float | None = None) -> dict[str, np.ndarray]:
        return {}


def test_a_segmenter_or_source_that_does_not_fit_is_refused() -> None:
    assert ChainSearch().chain_of(segmenter(), TISSUE) is CHAIN
    with pytest.raises(UserError, match="needs a method with maps"):
        ChainSearch().chain_of(Without(), TISSUE)
    with pytest.raises(UserError, match="needs a method with maps"):
        ChainSearch().chain_of(segmenter(chain=lambda maps: maps["foreground"].astype(int)), TISSUE)
    with pytest.raises(UserError, match="join=own"):
        ChainSearch().chain_of(segmenter(join="own"), TISSUE)
    with pytest.raises(UserError, match="validation images with instances, and synthetic has none"):
        ChainSearch().chain_of(segmenter(), Synthetic(size_px=64, tiles={"train": 1, "val": 0, "test": 1}))
