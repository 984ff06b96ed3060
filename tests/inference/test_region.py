"""A source that is annotated in part is scored within that part, wherever it is scored."""

import numpy as np
import pytest
from he_layouts import write_training

from maskless.data.datamodule import WholeImages
from maskless.data.readers.monuseg import MoNuSeg
from maskless.data.readers.synthetic import Synthetic
from maskless.errors import UserError
from maskless.inference.scoring import refuse_unscorable, score_source
from maskless.metrics import STANDARD, all_scores, paper_scores
from maskless.metrics.instance_scores import InstanceScores
from maskless.signals import Signal


class LeftHalf(Synthetic):
    """Rendered tissue, annotated in the left half."""

    def read(self, item, signals):
        sample = super().read(item, signals)
        if Signal.REGION in sample.signals:
            sample.signals[Signal.REGION][:, 32:] = 0
        return sample


class Truth:
    """A segmenter that finds what it is given, moved by two pixels."""

    def __init__(self, found):
        self.found = found

    def segment(self, image, mpp=None):
        return np.roll(self.found, 2, axis=1)


@pytest.fixture
def source():
    return LeftHalf(size_px=64, tiles={"val": 4, "test": 4})


def with_nuclei_on_both_sides(source, part):
    def truth(item):
        return source.read(item, [Signal.INSTANCES])[Signal.INSTANCES]

    return next(i for i in source.items(part) if truth(i)[:, 4:28].any() and truth(i)[:, 36:60].any())


def test_scores_are_of_the_annotated_part(source):
    item = with_nuclei_on_both_sides(source, "test")
    sample = source.read(item, [Signal.INSTANCES, Signal.REGION])
    truth, region = sample[Signal.INSTANCES], sample[Signal.REGION]
    scored = next(one for one in score_source(Truth(truth), source, "test") if one.sample.item == item)
    found = {(row["metric"], row["definition"]): row["value"] for row in scored.rows}
    expected = all_scores(truth, scored.found, region) | paper_scores(truth, scored.found, region)
    assert found == pytest.approx(expected, nan_ok=True)
    assert found["aji", "kumar"] != pytest.approx(all_scores(truth, scored.found)["aji", "kumar"])
    assert {row["region"] for row in scored.rows} == {"all"}


def test_validation_is_within_the_region_too(source):
    sample = WholeImages(source, [with_nuclei_on_both_sides(source, "val")])[0]
    truth, region = sample[Signal.INSTANCES], sample[Signal.REGION]
    assert not region[:, 32:].any()
    found = np.roll(truth, 2, axis=1)
    metric = InstanceScores()
    metric.update(truth, found, "1", region)
    expected = all_scores(truth, found, region)
    assert float(metric.compute()["aji"]) == pytest.approx(expected["aji", STANDARD["aji"]])


def test_a_source_without_test_fields_names_the_split_that_has_all_of_them(tmp_path):
    write_training(tmp_path)
    official = MoNuSeg(path=tmp_path)
    hint = "dataset.split=all has every image in its test part"
    with pytest.raises(UserError, match=r"no images in part 'test' of split 'official' \(" + hint):
        refuse_unscorable(official, "test")
    refuse_unscorable(MoNuSeg(path=tmp_path, split="all"), "test")
    with pytest.raises(UserError) as error:
        refuse_unscorable(official, "testA")
    assert hint not in str(error.value)
