"""Points whose x and y were swapped, or that were moved off the nuclei, told without knowing."""

import os
from pathlib import Path

import numpy as np
import pytest

from maskless.data.derive import points
from maskless.data.placed_points import placed, remarks_on, remarks_on_places
from maskless.data.points_csv import PointTable
from maskless.data.readers.ki67_breast import Ki67Breast
from maskless.data.readers.lyon19_nuclick import LYON19NuClick
from maskless.data.readers.monuseg import MoNuSeg
from maskless.data.readers.synthetic import Synthetic
from maskless.data.swapped_axes import swapped_by_bounds, swapped_by_darkness
from maskless.errors import UserError
from maskless.signals import Item, Signal

REAL = Path(os.environ.get("MASKLESS_DATA", "nowhere")) / "ki67_breast"


@pytest.fixture(scope="module")
def tissue():
    source = Synthetic(size_px=400, tiles={"test": 3})
    items = source.items("test")[1:]  # nuclei of the first one are too pale to tell
    samples = [source.read(item, [Signal.IMAGE, Signal.INSTANCES]) for item in items]
    return [(sample[Signal.IMAGE], points(sample[Signal.INSTANCES])) for sample in samples]


def table(places) -> PointTable:
    return PointTable(np.asarray(places, np.float32), None, list(range(2, len(places) + 2)))


def test_on_a_square_image_darkness_tells(tissue, tmp_path) -> None:
    for image, places in tissue:
        assert not swapped_by_darkness(places, image)
        assert not swapped_by_darkness(places + np.array([1.5, -2.5]), image), "by a person, off the centre"
        assert swapped_by_darkness(places[:, ::-1], image)
        (said,) = remarks_on(tmp_path / "a.csv", table(places[:, ::-1]), image)
        assert "a.csv: x and y look swapped, for the points lie on darker places of their image" in said


def test_points_off_the_nuclei_are_worth_a_look(tissue, tmp_path) -> None:
    for image, places in tissue:
        assert remarks_on(tmp_path / "a.csv", table(places + np.array([1.5, -2.5])), image) == []
        moved = (places + 40) % 400
        (said,) = remarks_on(tmp_path / "a.csv", table(moved), image)
        assert "a.csv: most points lie off the dark pixels: " in said
        assert (
            f"% of {len(places)} lie on the darkest 40% of their image, where more than half of all" in said
        )
        assert remarks_on(tmp_path / "a.csv", table(moved[:15]), image) == [], "few points tell nothing"


def test_places_drawn_by_chance_and_few_points_tell_nothing(tissue) -> None:
    random = np.random.default_rng(0)
    for image, places in tissue:
        assert not swapped_by_darkness(places[:15, ::-1], image)
        for _ in range(20):
            assert not swapped_by_darkness(random.uniform(0, 400, (200, 2)), image)


def test_on_an_oblong_image_its_bounds_tell(tmp_path) -> None:
    places = np.random.default_rng(1).uniform((0, 0), (40, 100), (60, 2))
    assert not swapped_by_bounds(places, (40, 100))
    assert swapped_by_bounds(places[:, ::-1], (40, 100))
    assert not swapped_by_bounds(places + 45, (40, 100)), "another image's, either way"
    outside = int((places[:, 1] >= 40).sum())
    with pytest.raises(UserError) as caught:
        placed(tmp_path / "a.csv", table(places[:, ::-1]), (40, 100))
    assert str(caught.value) == (
        f"{tmp_path / 'a.csv'}: x and y look swapped, for {outside} of 60 points lie outside its image of "
        "40 x 100 px (rows x columns), and none would if they changed places"
    )


def test_one_point_in_a_hundred_may_lie_outside(tmp_path) -> None:
    places = np.random.default_rng(1).uniform(0, 50, (200, 2))
    places[[7, 30]] = (60, 3), (-1, 3)
    given = table(places)
    kept = placed(tmp_path / "a.csv", given, (50, 50))
    assert len(kept.points) == 198
    assert (kept.points >= 0).all()
    assert remarks_on(tmp_path / "a.csv", given, np.zeros((50, 50, 3), np.uint8)) == [
        f"{tmp_path / 'a.csv'}: 2 of 200 points left out, outside the image"
    ]
    places[40] = (3, 50)
    with pytest.raises(
        UserError, match=r"a\.csv, line 9: the point \(row 60, column 3\) .*; 3 of 200 points do"
    ):
        placed(tmp_path / "a.csv", table(places), (50, 50))


@pytest.mark.skipif(not REAL.is_dir(), reason="MASKLESS_DATA has not all of the real sets")
@pytest.mark.parametrize("kind", [Ki67Breast, LYON19NuClick, MoNuSeg])
def test_real_points_lie_on_the_dark_and_moved_ones_do_not(kind, tmp_path) -> None:
    source = kind(data_root=REAL.parent, **({"split": "all"} if kind is MoNuSeg else {}))
    n_moved = 0
    for item in source.items("test")[:1]:
        sample = source.read(item, {Signal.IMAGE, Signal.POINTS})
        image, places = sample[Signal.IMAGE], sample[Signal.POINTS]
        assert remarks_on_places(tmp_path / "a.csv", "points", places, image) == []
        if len(places) >= 100:
            (said,) = remarks_on_places(tmp_path / "a.csv", "points", places + 30, image)
            assert "most points lie off the dark pixels" in said
            n_moved += 1
    assert n_moved or kind is LYON19NuClick, "whose crops have few nuclei"


@pytest.mark.skipif(not REAL.is_dir(), reason="MASKLESS_DATA has no ki67_breast/")
@pytest.mark.parametrize("field", [13, 18, 19, 26])
def test_real_points_are_told_from_swapped_ones(field: int) -> None:
    source = Ki67Breast(REAL)
    sample = source.read(Item(f"field_{field}", ""), {Signal.IMAGE, Signal.POINTS})
    assert not swapped_by_darkness(sample[Signal.POINTS], sample[Signal.IMAGE])
    assert swapped_by_darkness(sample[Signal.POINTS][:, ::-1], sample[Signal.IMAGE])
