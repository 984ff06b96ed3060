import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from layouts import tissue
from lyon19_files import mask, write_categories, write_nuclick
from PIL import Image

from maskless.build import build
from maskless.data.readers.lyon19_nuclick import LYON19NuClick, nuclei
from maskless.errors import UserError
from maskless.signals import Item, Signal

REAL = Path(os.environ.get("MASKLESS_DATA", "")) / "lyon19_nuclick"
with_real_data = pytest.mark.skipif(
    "MASKLESS_DATA" not in os.environ or not REAL.is_dir(), reason="MASKLESS_DATA has no lyon19_nuclick/"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_nuclick(tmp_path / "lyon19_nuclick")


def test_every_nucleus_is_positive_and_two_at_a_corner_are_two(folder: Path) -> None:
    source = LYON19NuClick(data_root=folder.parent)
    assert source.problems() == source.extra() == []
    first, _, last = source.items("test")
    assert first == Item("ROI_1_1", "ROI_1")
    sample = source.read(first, source.offers)
    np.testing.assert_array_equal(sample[Signal.IMAGE], tissue(0, (64, 64)))
    assert [int(sample[Signal.INSTANCES][at]) for at in ((8, 8), (16, 16), (40, 40), (0, 0))] == [1, 2, 3, 0]
    np.testing.assert_array_equal(sample[Signal.MASK], mask() > 0)
    assert sample[Signal.CLASSES] == {1: "positive", 2: "positive", 3: "positive"}
    assert sample.mpp == 1  # 64 px of 64 µm
    empty = source.read(last, [Signal.INSTANCES, Signal.CLASSES])
    assert not empty[Signal.INSTANCES].any()
    assert empty[Signal.CLASSES] == {}


def test_a_crop_has_the_category_of_its_region(folder: Path) -> None:
    write_categories(folder)
    source = LYON19NuClick(folder)
    assert source.problems() == []
    assert [item.category for item in source.items("test")] == ["regular", "regular", "artifact"]
    assert source.files(source.items("test")[0])[-1].name == "categories.csv"


def test_greys_of_jpeg_fall_to_the_nearer_side(tmp_path: Path) -> None:
    grey = mask()
    grey[8:16, 16], grey[8:16, 7] = 127, 128
    Image.fromarray(grey).save(tmp_path / "a.png")
    found = nuclei(tmp_path / "a.png")
    assert found.dtype == np.int32
    assert (found[8, 7], found[8, 16], found.max()) == (1, 0, 3)
    np.testing.assert_array_equal(
        nuclei(write_nuclick(tmp_path / "jpeg", ".jpg") / "masks/ROI_1_1.jpg") > 0, mask() > 0
    )


def test_every_problem_is_listed_at_once(folder: Path) -> None:
    Image.fromarray(tissue(1, (64, 64))).save(folder / "images/field.png")
    Image.fromarray(mask()[:50]).save(folder / "masks/ROI_1_1.png")
    (folder / "masks/ROI_1_2.png").rename(folder / "masks/ROI_1_3.png")
    Image.fromarray(mask()).save(folder / "masks/ROI_3_1.bmp")
    (folder / "images/ROI_3_1.png").write_bytes((folder / "images/ROI_3_1.png").read_bytes()[:300])
    (folder / "categories.csv").write_text("image_id,category\nROI_1,regular\n")
    expected = [
        "have one name: keep one",
        "masks/ROI_1_3.png has no image",
        "masks/ROI_1_1.png is 50 x 64 px",
        "images/ROI_1_2.png has no mask",
        "has no line for ROI_3",
        "images/ROI_3_1.png is cut short",
        "field.png is not called ROI_K_M",
        "field.png has no mask",
    ]
    problems = LYON19NuClick(folder).problems()
    assert len(problems) == len(expected), problems
    for words, problem in zip(expected, problems, strict=True):
        assert words in problem


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (mask() // 255 * 7, "has nothing as bright as 128, but values up to 7"),
        (tissue(0, (64, 64)), "holds colours"),
        (np.linspace(0, 255, 64 * 64).astype(np.uint8).reshape(64, 64), "grey in more than a tenth"),
    ],
)
def test_what_is_no_mask_is_refused(tmp_path: Path, pixels, said: str) -> None:
    Image.fromarray(pixels).save(tmp_path / "a.png")
    with pytest.raises(UserError, match=said):
        nuclei(tmp_path / "a.png")


def test_a_wrong_path_says_where_it_looked_and_where_to_get_the_set(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for path, words in ((tmp_path / "absent", "no folder .*absent"), (tmp_path / "other", "holds no image")):
        with pytest.raises(UserError, match=f"{words}.*sarah-antillia"):
            LYON19NuClick(path).items("test")
        assert len(LYON19NuClick(path).problems()) == 1


def test_all_may_be_learnt_from(folder: Path) -> None:
    source = LYON19NuClick(folder, split="all_train")
    assert len(source.items("train")) == 3
    assert source.items("test") == ()


def test_the_configuration_builds_the_reader(folder: Path) -> None:
    spec = yaml.safe_load((Path(__file__).parents[2] / "conf/dataset/lyon19_nuclick.yaml").read_text())
    built = build(spec | {"data_root": str(folder.parent)})
    assert isinstance(built, LYON19NuClick)
    assert (built.path, built.split) == (folder, "all")


@with_real_data
def test_the_real_sample_has_86_nuclei_in_12_crops() -> None:
    source = LYON19NuClick(REAL)
    assert source.problems() == []
    counts = {}
    for item in source.items("test"):
        sample = source.read(item, [Signal.INSTANCES, Signal.IMAGE])
        assert sample[Signal.IMAGE].shape == (512, 512, 3)
        assert sample.mpp == 0.125
        counts[item.id] = int(sample[Signal.INSTANCES].max())
    assert (len(counts), sum(counts.values())) == (12, 86)
    assert [name for name, count in counts.items() if count == 0] == ["ROI_350_1"]
    assert source.items("test")[0].group == "ROI_338"
