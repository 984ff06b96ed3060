"""The labelling index beside the true one, against numbers counted by hand."""

from pathlib import Path

import numpy as np
import pytest
from he_layouts import write_consep
from ihc_layouts import write_deepliif, write_ki67_breast, write_ki67_net

from maskless.classify import DAB, classes_of
from maskless.data.readers.consep import CoNSeP
from maskless.data.readers.deepliif import DeepLIIF
from maskless.data.readers.ki67_breast import Ki67Breast
from maskless.data.readers.ki67_net import Ki67Net
from maskless.data.readers.synthetic import Synthetic
from maskless.errors import UserError
from maskless.inference.labelling import index_row, pooled_row, refuse_unclassed
from maskless.inference.scoring import refuse_unscorable, score_source
from maskless.labelling_index import labelling_index
from maskless.signals import Item, Sample, Signal

POS, NEG = "positive", "negative"


def squares(*places: tuple[int, int]) -> np.ndarray:
    """Nuclei of 5x5 px with their centroids at these places, ids 2, 4, 6, ..."""
    labels = np.zeros((60, 60), np.int32)
    for k, (row, column) in enumerate(places, start=1):
        labels[row - 2 : row + 3, column - 2 : column + 3] = 2 * k
    return labels


def of_points(points, classes, region=None, mpp=0.5) -> Sample:
    signals = {Signal.POINTS: np.array(points, np.float32), Signal.CLASSES: dict(enumerate(classes))}
    return Sample(Item("a", "a"), signals | ({} if region is None else {Signal.REGION: region}), mpp=mpp)


def test_points_by_hand():
    """Five points, of which the last is another class; six nuclei, of which the last is near nothing."""
    points = [(10, 10), (10, 30), (30, 10), (30, 30), (50, 10)]
    sample = of_points(points, [POS, POS, NEG, NEG, "other"])
    found = squares((10, 12), (12, 30), (30, 10), (33, 30), (50, 10), (50, 50))
    row = index_row(sample, found, {2: POS, 4: NEG, 6: POS, 8: NEG, 10: NEG, 12: NEG})
    interval = labelling_index(2, 4)
    assert row == {
        "match": "within_3um",
        "true_positive": 2,
        "true_negative": 2,
        "true_index_percent": 50.0,
        "positive": 2,
        "negative": 4,
        "index_percent": 33.33,
        "low_95_percent": round(100 * interval.low, 2),
        "high_95_percent": round(100 * interval.high, 2),
        "error_percent": -16.67,
        "positive_as_positive": 1,
        "positive_as_negative": 1,
        "negative_as_positive": 1,
        "negative_as_negative": 1,
        "accuracy": 0.5,
        "positive_precision": 0.5,
        "positive_recall": 0.5,
    }


def test_a_nucleus_counts_where_its_centroid_is():
    """The region ends at column 30: the second point and the third nucleus are outside."""
    region = np.zeros((60, 60), np.uint8)
    region[:, :30] = 1
    sample = of_points([(10, 10), (10, 40), (30, 10)], [POS, NEG, NEG], region)
    row = index_row(sample, squares((10, 10), (30, 28), (10, 31), (30, 10)), {2: POS, 4: NEG, 6: NEG, 8: NEG})
    assert (row["true_positive"], row["true_negative"]) == (1, 1)
    assert (row["positive"], row["negative"]) == (1, 2)
    assert (row["positive_as_positive"], row["negative_as_negative"], row["accuracy"]) == (1, 1, 1.0)


def test_the_nearer_of_two_nuclei_gives_the_class():
    sample = of_points([(10, 10)], [POS])
    assert index_row(sample, squares((10, 13), (10, 8)), {2: NEG, 4: POS})["positive_as_positive"] == 1
    assert index_row(sample, squares((10, 11), (10, 5)), {2: NEG, 4: POS})["positive_as_negative"] == 1


def test_instances_match_by_more_than_half_of_their_union():
    truth = squares((10, 10), (10, 30), (40, 40))
    signals = {Signal.INSTANCES: truth, Signal.CLASSES: {2: POS, 4: POS, 6: NEG}}
    # Moved by a pixel IoU is 20 / 30, by two 15 / 35.
    found = squares((10, 11), (10, 32), (40, 40))
    row = index_row(Sample(Item("a", "a"), signals), found, {2: POS, 4: NEG, 6: POS})
    assert row["match"] == "iou>0.50"
    names = ("positive_as_positive", "positive_as_negative", "negative_as_positive", "negative_as_negative")
    assert [row[name] for name in names] == [1, 0, 1, 0]
    assert (row["true_index_percent"], row["index_percent"], row["error_percent"]) == (66.67, 66.67, 0.0)


def test_where_there_is_nothing_nothing_is_said():
    row = index_row(of_points(np.zeros((0, 2)), []), np.zeros((60, 60), np.int32), {})
    undefined = {name for name, value in row.items() if value is None}
    assert undefined == {
        *("true_index_percent", "index_percent", "low_95_percent", "high_95_percent", "error_percent"),
        *("accuracy", "positive_precision", "positive_recall"),
    }
    assert index_row(of_points([(9, 9)], [POS]), np.zeros((60, 60), np.int32), {})["error_percent"] is None


def test_all_images_together_are_their_sums():
    first = index_row(of_points([(10, 10), (10, 30)], [POS, NEG]), squares((10, 10)), {2: POS})
    second = index_row(of_points([(30, 30)], [NEG]), squares((30, 30), (50, 50)), {2: NEG, 4: NEG})
    as_text = {name: str(value) for name, value in second.items()}  # as it is read back from a file
    pooled = pooled_row([first, as_text])
    assert (pooled["true_positive"], pooled["true_negative"], pooled["true_index_percent"]) == (1, 2, 33.33)
    assert (pooled["positive"], pooled["negative"], pooled["index_percent"]) == (1, 2, 33.33)
    assert (pooled["accuracy"], pooled["positive_recall"]) == (1.0, 1.0)


class Finds:
    """A segmenter that finds the same in every image."""

    def __init__(self, found):
        self.found = found

    def segment(self, image, mpp=None):
        return self.found

    def maps(self, image, mpp=None):
        return {}


def test_a_source_of_points_is_scored_within_its_region(tmp_path: Path):
    """Field 14 has 0.5 µm/px: within 6 px. Five points (k, 5 k), annotated left of column 30."""
    source = Ki67Breast(write_ki67_breast(tmp_path, {14: 0.5}))
    found = np.zeros((40, 48), np.int32)
    for k, (row, column) in enumerate([(1, 5), (4, 20), (30, 10), (9, 35)], start=1):
        found[row - 1 : row + 2, column - 1 : column + 2] = k  # the third is far, the fourth outside
    (one,) = score_source(Finds(found), source, "test", "here", DAB())
    values = {row["metric"]: row["value"] for row in one.rows if row["definition"] == "within_3um"}
    assert (values["true_points"], values["pred_points"], values["matched_points"]) == (5, 3, 2)
    assert (values["point_precision"], values["point_recall"], values["point_f1"]) == (2 / 3, 2 / 5, 4 / 8)
    assert {(row["source"], row["image"], row["split"]) for row in one.rows} == {("here", "field_14", "test")}
    assert one.index["source"] == "here"
    assert one.index["rule"] == "dab_excess>=0.1"
    assert (one.index["true_positive"], one.index["true_negative"]) == (3, 2)
    classes = classes_of(DAB(), one.sample[Signal.IMAGE], found)
    assert one.index["positive"] == sum(classes[k] == POS for k in (1, 2, 3))
    assert not next(score_source(Finds(found), source, "test")).index


def test_instances_come_before_the_points_that_follow_from_them(tmp_path: Path):
    source = DeepLIIF(write_deepliif(tmp_path))
    assert source.to_score == (Signal.IMAGE, Signal.INSTANCES)
    assert Ki67Net(write_ki67_net(tmp_path / "net", {})).to_score == (Signal.IMAGE, Signal.POINTS)


def test_points_without_a_spacing_are_refused(tmp_path: Path):
    source = Ki67Breast(write_ki67_breast(tmp_path, {3: 1, 4: 1}))
    refuse_unscorable(source, "test")
    (tmp_path / "fields.csv").unlink()
    with pytest.raises(UserError, match="the µm/px of field_3 of ki67_breast is not known"):
        refuse_unscorable(Ki67Breast(tmp_path), "test")


def test_without_positive_and_negative_there_is_no_true_index(tmp_path: Path):
    refuse_unclassed(Ki67Breast(write_ki67_breast(tmp_path / "a", {3: 1})), "test")
    refuse_unclassed(Synthetic(stain="ki67", size_px=96, tiles={"test": 2}), "test")
    with pytest.raises(UserError, match="consep has nuclei of the classes "):
        refuse_unclassed(CoNSeP(write_consep(tmp_path / "b"), split="all"), "test")
    with pytest.raises(UserError, match="predict classify="):
        refuse_unclassed(Synthetic(size_px=96, tiles={"test": 1}), "test")
