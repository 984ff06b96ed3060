from pathlib import Path

import numpy as np
import pytest
import yaml
from layouts import tissue
from lyon19_files import CELLS, REGIONS, write_lyon19
from PIL import Image

from maskless.build import build
from maskless.data.readers.lyon19 import LYON19
from maskless.errors import UserError
from maskless.signals import Item, Signal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_lyon19(tmp_path / "lyon19")


def test_every_region_is_scored_and_knows_its_category(folder: Path) -> None:
    source = LYON19(data_root=folder.parent)
    assert source.problems() == source.extra() == []
    assert [(item.id, item.group, item.category) for item in source.items("test")] == [
        (name, name, category) for name, category in REGIONS.items()
    ]
    assert source.items("train") == source.items("val") == ()
    item = source.items("test")[0]
    assert [file.name for file in source.files(item)] == ["ROI_1.png", "categories.csv", "truth.csv"]


def test_points_are_positive_cells_and_a_region_that_is_not_named_has_none(folder: Path) -> None:
    source = LYON19(folder)
    assert source.offers == {Signal.IMAGE, Signal.POINTS, Signal.CLASSES}
    for seed, item in enumerate(source.items("test")):
        sample = source.read(item, source.offers)
        np.testing.assert_array_equal(sample[Signal.IMAGE], tissue(seed))
        assert [tuple(point) for point in sample[Signal.POINTS].tolist()] == CELLS[item.id]
        assert sample[Signal.CLASSES] == dict.fromkeys(range(len(CELLS[item.id])), "positive")
        assert (sample.mpp, sample.power) == (0.25, 40)


def test_without_truth_there_are_images_alone(tmp_path: Path) -> None:
    source = LYON19(write_lyon19(tmp_path / "lyon19", truth=False, categories=False))
    assert source.problems() == []
    assert source.offers == {Signal.IMAGE}
    item = source.items("test")[0]
    assert item == Item("ROI_1", "ROI_1")
    assert set(source.read(item, [Signal.IMAGE]).signals) == {Signal.IMAGE}
    with pytest.raises(UserError, match="ROI_1 has no points"):
        source.read(item, [Signal.POINTS])


def test_the_images_may_lie_straight_in_the_folder(tmp_path: Path) -> None:
    source = LYON19(write_lyon19(tmp_path / "lyon19", images="."))
    assert source.problems() == []
    assert [item.id for item in source.items("test")] == list(REGIONS)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("truth.csv", "x,y\n1,2\n", "truth.csv has no column image_id"),
        ("truth.csv", "image_id,a,b\nROI_1,1,2\n", "must begin with a header that names row and col"),
        ("truth.csv", "image_id,x,y\nROI_1,one,2\n", "line 2: x is 'one'"),
        ("truth.csv", "image_id,x,y\nROI_1,1,2\nROI_9,1,2\n", "line 3: there is no region ROI_9"),
        ("truth.csv", "image_id,x,y\nROI_1,48,2\n", "line 2: the point lies outside ROI_1, 40 x 48 px"),
        ("truth.csv", "image_id,x,y\nROI_1,1,-1\n", "line 2: the point lies outside"),
        ("truth.csv", "image_id,x,y\nROI_1,1,2\nROI_1.png,1,2\n", "line 3: ROI_1 has this point already"),
        ("truth.csv", "image_id,x,y\n,1,2\n", "line 2: the point has no image_id"),
        ("categories.csv", "image,category\n", "must begin with a header that names image_id and category"),
        ("categories.csv", "image_id,category\nROI_1,regular\n", "has no line for ROI_2"),
        ("categories.csv", "image_id,category\nROI_1,clusterd\n", "line 2: 'clusterd' is no category"),
        ("categories.csv", "image_id,category\n,regular\n", "line 2: there is no image_id"),
        (
            "categories.csv",
            "image_id,category\nROI_1,regular\nROI_1.png,regular\n",
            "line 3: ROI_1 is there already",
        ),
        ("categories.csv", b"image_id,category\n\xff\xfe,regular\n", "no readable CSV in UTF-8"),
    ],
)
def test_a_table_with_a_mistake_is_named_with_its_line(folder: Path, file: str, text, said: str) -> None:
    (folder / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    problems = LYON19(folder).problems()
    assert any(said in problem for problem in problems), problems


def test_every_problem_is_listed_at_once(folder: Path) -> None:
    (folder / "images/ROI_1.png").write_bytes((folder / "images/ROI_1.png").read_bytes()[:300])
    Image.fromarray(tissue()).save(folder / "images/ROI_2.bmp")
    (folder / "categories.csv").write_text("image_id,category\nROI_1,regular\nROI_2,regular\nROI_8,regular\n")
    problems = LYON19(folder).problems()
    assert [words in problem for words, problem in zip(
        ["has no line for ROI_3", "ROI_1.png is cut short", "have one name: keep one"], problems, strict=True
    )] == [True] * 3  # fmt: skip
    assert LYON19(folder).extra() == [f"{folder / 'categories.csv'} names ROI_8, of which there is no image"]


def test_a_wrong_path_says_where_it_looked_and_where_to_get_the_set(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for path, words in ((tmp_path / "absent", "no folder .*absent"), (tmp_path / "other", "holds no image")):
        with pytest.raises(UserError, match=f"{words}.*zenodo"):
            LYON19(path).items("test")
        assert len(LYON19(path).problems()) == 1


def test_all_may_be_learnt_from(folder: Path) -> None:
    source = LYON19(folder, split="all_train")
    assert len(source.items("train")) == 3
    assert source.items("test") == ()


def test_the_configuration_builds_the_reader(folder: Path) -> None:
    spec = yaml.safe_load((Path(__file__).parents[2] / "conf/dataset/lyon19.yaml").read_text())
    built = build(spec | {"data_root": str(folder.parent)})
    assert isinstance(built, LYON19)
    assert (built.path, built.split) == (folder, "official")
