"""Labels of an image that is annotated in part: what lies outside its region changes none of them."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from maskless.data.attention_labels import AttentionLabels
from maskless.data.datamodule import TrainingSet
from maskless.data.label_cache import cached
from maskless.data.labelled import labelled
from maskless.data.pseudo_instances import PseudoInstances, TrueInstances
from maskless.data.pseudo_labels import MaskLabels, PointLabels
from maskless.data.readers.synthetic import Synthetic
from maskless.data.transforms import Pipeline
from maskless.methods.spn import SPN
from maskless.signals import IGNORE, Need, Role, Signal

SIDE = 96


@pytest.fixture(scope="module")
def given() -> dict:
    """An image with all that can be known of it, and a region of its left half."""
    source = Synthetic(size_px=SIDE, tiles={"train": 1})
    wanted = {Signal.IMAGE, Signal.INSTANCES, Signal.POINTS, Signal.REGION}
    signals = dict(source.read(source.items("train")[0], wanted).signals)
    random = np.random.default_rng(0)
    noisy = 0.8 * (signals[Signal.INSTANCES] > 0) + random.uniform(0.02, 0.2, (SIDE, SIDE))
    signals[Signal.PROBABILITY] = noisy.astype(np.float16)
    signals[Signal.REGION][:, 48:] = 0
    return signals


def changed_outside(signals: dict) -> dict:
    """The same, with other points and outlines outside the region, and another map there."""
    outside = signals[Signal.REGION] == 0
    points = signals[Signal.POINTS]
    random = np.random.default_rng(1)
    others = np.stack([random.uniform(0, SIDE - 1, 9), random.uniform(49, SIDE - 1, 9)], axis=1)
    found = {**signals}
    found[Signal.POINTS] = np.concatenate([points[points[:, 1] < 47.5], others.astype(np.float32)])
    found[Signal.INSTANCES] = np.where(outside, 77, signals[Signal.INSTANCES]).astype(np.int32)
    found[Signal.PROBABILITY] = np.where(outside, 1, signals[Signal.PROBABILITY]).astype(np.float16)
    return found


LABELLERS = [
    PointLabels(patch_px=20, starts=2),
    PointLabels(colours="global", starts=2),
    MaskLabels(),
    TrueInstances(),
    PseudoInstances(),
    PseudoInstances(hull=True, parted=True),
    AttentionLabels(),
]


@pytest.mark.parametrize("labeller", LABELLERS, ids=repr)
def test_drawings_outside_change_nothing_and_nothing_is_said_of_outside(labeller, given) -> None:
    one, other = (labelled(labeller, signals) for signals in (given, changed_outside(given)))
    for signal, target in one.items():
        np.testing.assert_array_equal(target, other[signal])
        assert (target[:, 48:] == (IGNORE if signal is Signal.LABELS else 0)).all()
        assert len(np.unique(target[:, :48])) > 1
    everywhere = {**given, Signal.REGION: np.ones((SIDE, SIDE), np.uint8)}
    without = {signal: value for signal, value in given.items() if signal is not Signal.REGION}
    for signal, target in labelled(labeller, everywhere).items():
        np.testing.assert_array_equal(target, labelled(labeller, without)[signal])


@pytest.mark.parametrize("colours", ["adaptive", "global"])
def test_pixels_outside_are_in_no_cluster(colours, given) -> None:
    labeller = PointLabels(colours=colours, patch_px=20, starts=2)
    repainted = {**given, Signal.IMAGE: given[Signal.IMAGE].copy()}
    repainted[Signal.IMAGE][:, 48:] = 255 - given[Signal.IMAGE][:, 48:]
    one, other = (labelled(labeller, signals)[Signal.LABELS] for signals in (given, repainted))
    np.testing.assert_array_equal(one, other)
    whole = {signal: value for signal, value in given.items() if signal is not Signal.REGION}
    assert not np.array_equal(one[:, :48], labelled(labeller, whole)[Signal.LABELS][:, :48])


def test_a_region_has_labels_of_its_own_in_the_cache(given, tmp_path) -> None:
    @dataclass(frozen=True)
    class Where:
        needs: ClassVar = frozenset({Signal.IMAGE})
        makes: ClassVar = frozenset({Signal.LABELS})

        def __call__(self, signals):
            region = signals.get(Signal.REGION, np.full((SIDE, SIDE), 9, np.uint8))
            return {Signal.LABELS: region[..., None].copy()}

    image = {Signal.IMAGE: given[Signal.IMAGE]}
    for _ in range(2):  # made, then read
        assert (cached(Where(), image, tmp_path)[Signal.LABELS] == 9).all()
        found = cached(Where(), {**image, Signal.REGION: given[Signal.REGION]}, tmp_path)
        np.testing.assert_array_equal(found[Signal.LABELS][..., 0], given[Signal.REGION])


def test_the_region_travels_with_the_labels() -> None:
    class LeftHalf(Synthetic):
        def read(self, item, signals):
            sample = super().read(item, signals)
            if Signal.REGION in sample.signals:
                sample.signals[Signal.REGION][:, 32:] = 0
            return sample

    needs = SPN.needs | {Need(signal) for signal in PointLabels.needs}
    training = TrainingSet(
        {Role.MAIN: LeftHalf(size_px=64, tiles={"train": 1})},
        needs,
        {Role.MAIN: Pipeline({}, 64)},
        seed=0,
        stage="spn",
        labeller=PointLabels(patch_px=20, starts=1),
    )
    drawn = training[0][Role.MAIN]
    assert set(drawn) == {Signal.IMAGE, Signal.LABELS, Signal.REGION}
    assert (drawn[Signal.LABELS][drawn[Signal.REGION] == 0] == IGNORE).all()
    assert (drawn[Signal.LABELS][drawn[Signal.REGION] > 0] != IGNORE).any()
