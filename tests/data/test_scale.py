"""Images of different known spacings are learnt from at one."""

from dataclasses import replace

import numpy as np
import pytest

from maskless.data.datamodule import DataModule
from maskless.data.readers.synthetic import Synthetic
from maskless.data.scale import at_spacing, training_spacing
from maskless.signals import Item, Need, Role, Sample, Signal


class Mixed(Synthetic):
    """Tiles that say what `spacings` has for them; the source itself says nothing."""

    spacings = (0.5, 0.25, 0.5)

    def __init__(self, **arguments):
        super().__init__(size_px=64, tiles={"train": 3}, **arguments)
        self.mpp = None

    def read(self, item, signals):
        sample = super().read(item, signals)
        return replace(sample, mpp=self.spacings[int(item.id[-1])])


def test_the_spacing_of_most_is_that_of_the_training():
    source = Mixed()
    assert training_spacing(source) == 0.5
    source.spacings = (0.25, 0.5, 0.125)
    assert training_spacing(source) == 0.125  # of equally frequent ones the finest
    source.spacings = (0.25, None, 0.25)
    assert training_spacing(source) is None
    assert training_spacing(Synthetic(power=20)) == 0.5


def test_all_signals_of_a_sample_come_to_the_same_scale():
    instances = np.zeros((40, 60), np.int32)
    instances[10:20, 30:40] = 7
    image = np.repeat((instances > 0).astype(np.uint8)[..., None] * 200, 3, 2)
    points = np.array([[14.5, 34.5]], np.float32)
    signals = {Signal.IMAGE: image, Signal.INSTANCES: instances, Signal.POINTS: points}
    finer = at_spacing(Sample(Item("a", "a"), signals, mpp=0.5), 0.25)
    assert finer[Signal.IMAGE].shape == (80, 120, 3)
    np.testing.assert_array_equal(finer[Signal.INSTANCES], np.kron(instances, np.ones((2, 2), np.int32)))
    assert finer[Signal.INSTANCES].dtype == np.int32
    np.testing.assert_allclose(finer[Signal.POINTS], [[29.5, 69.5]])  # still its centre
    coarser = at_spacing(Sample(Item("a", "a"), signals, mpp=0.25), 0.5)
    assert coarser[Signal.IMAGE].shape == (20, 30, 3)
    assert (coarser[Signal.INSTANCES] == 7).sum() == 25
    assert coarser.mpp == 0.5


@pytest.mark.parametrize(("own", "wanted"), [(None, 0.25), (0.25, None), (0.25, 0.2515)])
def test_what_is_unknown_or_the_same_stays_as_it_is(own, wanted):
    sample = Sample(Item("a", "a"), {Signal.IMAGE: np.zeros((5, 5, 3), np.uint8)}, mpp=own)
    assert at_spacing(sample, wanted) is sample


def test_training_samples_are_of_one_scale():
    module = DataModule(
        {Role.MAIN: Mixed()},
        {Need(Signal.IMAGE), Need(Signal.INSTANCES)},
        stage="s",
        seed=0,
        augment={},
        crop_px=32,
        batch=1,
        steps=3,
    )
    assert module.training.mpp == 0.5
    read = {
        item.id: module.training._read(Role.MAIN, item, 0) for item in module.training.items[Role.MAIN][0]
    }
    shapes = [read[f"train-000{k}"][Signal.IMAGE].shape[0] for k in range(3)]
    assert shapes == [64, 32, 64]


def test_nuclei_stay_where_they_are_when_an_image_shrinks():
    rows, cols = np.indices((120, 120))
    instances = (np.hypot(rows - 59, cols - 61) <= 11).astype(np.int32)
    coarser = at_spacing(Sample(Item("a", "a"), {Signal.INSTANCES: instances}, mpp=0.25), 0.5)
    found = np.argwhere(coarser[Signal.INSTANCES]).mean(0)
    np.testing.assert_allclose(2 * (found + 0.5) - 0.5, [59, 61], atol=0.05)
