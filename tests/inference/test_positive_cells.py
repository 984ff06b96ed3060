"""Positive cells as a detection, against numbers counted by hand."""

from math import isnan
from pathlib import Path

import numpy as np
import pytest
from bcdata_files import write_bcdata
from lyon19_files import write_lyon19, write_nuclick
from numpy.typing import NDArray

from maskless.classify import HSI
from maskless.data.readers.bcdata import BCData
from maskless.data.readers.lyon19 import LYON19
from maskless.data.readers.lyon19_nuclick import LYON19NuClick
from maskless.errors import UserError
from maskless.inference.labelling import has_true_index, refuse_unclassed
from maskless.inference.positive_cells import positive_scores, refuse_hit
from maskless.inference.scoring import score_source
from maskless.metrics import pooled
from maskless.signals import Item, Sample, Signal

POS, NEG = "positive", "negative"
WITHIN = "positive_within_3um"


def squares(*places: tuple[int, int]) -> NDArray[np.int32]:
    """Nuclei of 5x5 px with their centroids at these places, ids 2, 4, 6, ..."""
    labels = np.zeros((60, 60), np.int32)
    for k, (row, column) in enumerate(places, start=1):
        labels[row - 2 : row + 3, column - 2 : column + 3] = 2 * k
    return labels


def of_points(points, classes, region=None, mpp: float | None = 0.5) -> Sample:
    signals = {Signal.POINTS: np.array(points, np.float32), Signal.CLASSES: dict(enumerate(classes))}
    return Sample(Item("a", "a"), signals | ({} if region is None else {Signal.REGION: region}), mpp=mpp)


def scored(sample: Sample, found, classes, hit_um: float = 3.0) -> list[float]:
    """F1, precision, recall; true, found and matched."""
    return list(positive_scores(sample, found, classes, hit_um).values())


def test_positive_is_compared_with_positive_and_nothing_else_counts():
    """Of three true ones one is called negative, one is hit, one is missed; a negative is called positive."""
    sample = of_points([(10, 10), (10, 30), (30, 10), (30, 30)], [POS, POS, POS, NEG])
    found = squares((10, 10), (10, 30), (50, 50), (30, 30))
    values = positive_scores(sample, found, {2: POS, 4: NEG, 6: NEG, 8: POS}, 3.0)
    assert values == {
        ("point_precision", WITHIN): 1 / 2,
        ("point_recall", WITHIN): pytest.approx(1 / 3),
        ("point_f1", WITHIN): pytest.approx(2 / 5),
        ("true_points", WITHIN): 3,
        ("pred_points", WITHIN): 2,
        ("matched_points", WITHIN): 1,
    }


def test_a_cell_exactly_at_the_distance_is_hit():
    """6 px are 3 µm at 0.5 µm/px."""
    sample = of_points([(20, 20)], [POS])
    for column, hit_um, matched in ((26, 3.0, 1), (27, 3.0, 0), (27, 3.5, 1), (26, 2.99, 0)):
        values = positive_scores(sample, squares((20, column)), {2: POS}, hit_um)
        assert values["matched_points", f"positive_within_{hit_um:g}um"] == matched


def test_a_cell_found_twice_is_hit_once_and_a_cell_hits_once():
    twice = positive_scores(of_points([(20, 20)], [POS]), squares((20, 17), (20, 23)), {2: POS, 4: POS}, 3.0)
    assert (twice["matched_points", WITHIN], twice["point_precision", WITHIN]) == (1, 0.5)
    shared = positive_scores(of_points([(20, 18), (20, 22)], [POS, POS]), squares((20, 20)), {2: POS}, 3.0)
    assert (shared["matched_points", WITHIN], shared["point_recall", WITHIN]) == (1, 0.5)


def test_an_empty_side_scores_nothing_and_two_are_undefined():
    one, none = of_points([(20, 20)], [POS]), of_points([(20, 20)], [NEG])
    key = ("point_f1", WITHIN)
    assert positive_scores(one, squares((20, 20)), {2: NEG}, 3.0)[key] == 0
    assert positive_scores(none, squares((20, 20)), {2: POS}, 3.0)[key] == 0
    assert isnan(positive_scores(none, squares((20, 20)), {2: NEG}, 3.0)[key])
    assert isnan(positive_scores(of_points([], []), squares(), {}, 3.0)[key])


def test_outside_the_region_nothing_counts():
    region = np.zeros((60, 60), np.uint8)
    region[:, :30] = 1
    sample = of_points([(10, 10), (10, 40)], [POS, POS], region)
    found = squares((10, 10), (10, 40), (40, 40), (50, 10))
    values = positive_scores(sample, found, dict.fromkeys((2, 4, 6, 8), POS), 3.0)
    assert [values[name, WITHIN] for name in ("true_points", "pred_points", "matched_points")] == [1, 2, 1]


def test_instances_count_by_their_centroids():
    """The two overlap by less than half, which a match of instances would ask for, and are 1.5 µm apart."""
    truth = squares((10, 10), (30, 30))
    sample = Sample(Item("a", "a"), {Signal.INSTANCES: truth, Signal.CLASSES: {2: POS, 4: NEG}}, mpp=0.5)
    values = positive_scores(sample, squares((10, 13), (30, 30)), {2: POS, 4: POS}, 3.0)
    assert [values[name, WITHIN] for name in ("true_points", "pred_points", "matched_points")] == [1, 2, 1]


def test_without_a_spacing_nothing_is_said():
    assert positive_scores(of_points([(1, 1)], [POS], mpp=None), squares(), {}, 3.0) == {}


@pytest.mark.parametrize("hit_um", [0, -1, float("nan"), float("inf")])
def test_what_is_no_distance_is_refused(hit_um: float):
    with pytest.raises(UserError, match="is no distance"):
        refuse_hit(hit_um)


def test_images_of_a_category_together_are_their_sums():
    first = positive_scores(of_points([(20, 20)], [POS]), squares((20, 20)), {2: POS}, 3.0)
    second = positive_scores(of_points([(20, 20)], [POS]), squares((50, 50), (5, 5)), {2: POS, 4: POS}, 3.0)
    assert pooled([first, second])["point_f1", WITHIN] == pytest.approx(2 * 1 / (2 + 3))


class Finds:
    """A segmenter that finds the same in every image."""

    def __init__(self, found):
        self.found = found

    def segment(self, image, mpp=None):
        return self.found

    def maps(self, image, mpp=None):
        return {}


class Everything(HSI):
    """Every nucleus is positive."""

    def score(self, image, instances):
        return np.ones(len(np.unique(instances[instances > 0])))


def of_bcdata() -> NDArray[np.int32]:
    """Nuclei on one of the two positive points (row 4, column 5) and on the negative one (30, 40)."""
    found = np.zeros((40, 48), np.int32)
    found[3:6, 4:7], found[29:32, 39:42] = 1, 2
    return found


def test_a_published_layout_of_classed_points(tmp_path: Path):
    """(6, 9) lies 1.1 µm from (4, 5), within reach of the same nucleus, which hits one of the two."""
    source = BCData(write_bcdata(tmp_path, {"train": ["0"], "test": ["0", "1"]}))
    for one in score_source(Finds(of_bcdata()), source, "test", classifier=Everything()):
        values = {r["metric"]: r["value"] for r in one.rows if r["definition"] == WITHIN}
        assert [values[f"{side}_points"] for side in ("true", "pred", "matched")] == [2, 2, 1]
        assert values["point_f1"] == 0.5
        assert {row["region"] for row in one.rows} == {"all"}
        assert (one.index["true_negative"], one.index["positive"]) == (1, 2)


def test_where_positive_cells_alone_are_drawn_there_is_a_score_and_no_index(tmp_path: Path):
    lyon = LYON19(write_lyon19(tmp_path / "lyon19"))
    nuclick = LYON19NuClick(write_nuclick(tmp_path / "lyon19_nuclick"))
    bcdata = BCData(write_bcdata(tmp_path / "bcdata", {"test": ["0"]}))
    for source in (lyon, nuclick, bcdata):
        refuse_unclassed(source, "test")
    assert [has_true_index(source, "test") for source in (lyon, nuclick, bcdata)] == [False, False, True]
    with pytest.raises(UserError, match="lyon19 has no classes"):
        refuse_unclassed(LYON19(write_lyon19(tmp_path / "bare", truth=False)), "test")


def test_an_image_of_a_category_is_scored_in_it_too(tmp_path: Path):
    source = LYON19(write_lyon19(tmp_path / "lyon19"))
    found = np.zeros((40, 48), np.int32)
    found[9:12, 19:22] = 1  # on the first of the two cells of ROI_1, and on none elsewhere
    f1 = {}
    for one in score_source(Finds(found), source, "test", classifier=Everything(), hit_um=2.5):
        assert one.index == {}
        for row in one.rows:
            if (row["metric"], row["definition"]) == ("point_f1", "positive_within_2.5um"):
                f1[row["image"], row["region"]] = row["value"]
    assert f1 == {
        **{("ROI_1", region): pytest.approx(2 / 3) for region in ("all", "regular")},
        **{
            (name, region): 0
            for name, of in (("ROI_2", "clustered"), ("ROI_3", "artifact"))
            for region in ("all", of)
        },
    }
