import json
import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from he_layouts import (
    MONUSEG_TEST,
    MONUSEG_TRAINING,
    SQUARE,
    square,
    write_monuseg,
    write_pair,
    write_test,
    write_training,
)
from imagescope_files import Outline, write_annotation
from layouts import tissue
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import center_of_mass

from maskless.build import build
from maskless.data.fingerprint import describe
from maskless.data.readers.monuseg import MoNuSeg
from maskless.data.readers.multiorgan import MultiOrgan
from maskless.errors import UserError
from maskless.signals import Item, Signal

DATA = Path(os.environ.get("MASKLESS_DATA", ""))
with_real_data = pytest.mark.skipif(
    "MASKLESS_DATA" not in os.environ or not (DATA / "monuseg").is_dir(),
    reason="MASKLESS_DATA has no monuseg/",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_monuseg(tmp_path / "monuseg")


def one(tmp_path: Path, *outlines: Outline, mpp: str | None = None) -> tuple[MoNuSeg, Item]:
    write_pair(tmp_path / "Tissue Images", tmp_path / "Annotations", MONUSEG_TRAINING[0], *outlines, mpp=mpp)
    source = MoNuSeg(tmp_path)
    return source, source.splits()["all"].parts["test"][0]


def instances_of(tmp_path: Path, *outlines: Outline) -> NDArray[np.int32]:
    source, item = one(tmp_path, *outlines)
    found = source.read(item, {Signal.INSTANCES})[Signal.INSTANCES]
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.int32
    return found


def names(items: tuple[Item, ...]) -> list[str]:
    return [item.id for item in items]


def test_the_official_split_validates_on_the_published_patients(folder: Path) -> None:
    source = MoNuSeg(data_root=folder.parent)
    assert names(source.items("train")) == [MONUSEG_TRAINING[0], MONUSEG_TRAINING[2]]
    assert source.items("val") == (Item(MONUSEG_TRAINING[1], "TCGA-A7-A13E", MONUSEG_TRAINING[1]),)
    assert names(source.items("test")) == MONUSEG_TEST
    assert not source.splits()["official"].leaky


def test_all_has_every_field_in_its_test_part(folder: Path) -> None:
    source = MoNuSeg(folder, split="all")
    assert names(source.items("test")) == MONUSEG_TRAINING + MONUSEG_TEST
    assert source.items("train") == source.items("val") == ()


@pytest.mark.parametrize("deep", [False, True])
def test_each_archive_may_be_missing_and_unpacked_one_folder_deeper(tmp_path: Path, deep: bool) -> None:
    training, test = "MoNuSeg 2018 Training Data", "MoNuSegTestData"
    write_training(tmp_path / "a" / training / (training if deep else ""))
    write_test(tmp_path / "b" / test / (test if deep else ""))
    for path, found in (("a", MONUSEG_TRAINING), ("b", MONUSEG_TEST)):
        source = MoNuSeg(tmp_path / path, split="all")
        assert names(source.items("test")) == found
        assert source.problems() == source.extra() == []
    assert MoNuSeg(tmp_path / "a").items("test") == ()
    assert MoNuSeg(tmp_path / "b").items("train") == ()


def test_the_folder_of_the_training_images_may_be_the_path_itself(tmp_path: Path) -> None:
    write_training(tmp_path)
    write_test(tmp_path / "MoNuSegTestData")
    source = MoNuSeg(tmp_path)
    assert (len(source.items("train")), len(source.items("val")), len(source.items("test"))) == (2, 1, 2)


def test_it_shows_tissue_of_multiorgan_and_the_other_way_round(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "multiorgan"
    for sub in ("images", "labels_instance"):
        (other / sub).mkdir(parents=True)
    name = f"Liver_{MONUSEG_TRAINING[0]}"
    Image.fromarray(tissue(5)).save(other / "images" / f"{name}.png")
    Image.fromarray(np.ones((40, 48), np.uint16)).save(other / "labels_instance" / f"{name}_label.png")
    parts = {"train": [f"{name}.png"], "val": [], "test": []}
    (other / "train_val_test.json").write_text(json.dumps(parts))
    ours, theirs = describe(MoNuSeg(folder)), describe(MultiOrgan(other))
    assert ours["cases"][MONUSEG_TRAINING[0]] == theirs["cases"][name] == MONUSEG_TRAINING[0]
    assert (ours["same_tissue"], theirs["same_tissue"]) == (["multiorgan"], ["monuseg"])


def test_polygons_become_nuclei_numbered_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = instances_of(tmp_path, SQUARE, square(20, 10))
    assert set(zip(*map(tuple, np.nonzero(found == 1)), strict=True)) == {
        (row, column) for row in range(2, 6) for column in range(1, 4)
    }
    assert (found[10:14, 20:24] == 2).all()
    assert np.count_nonzero(found) == 12 + 16


def test_outlines_beyond_the_image_across_each_other_and_across_themselves_are_taken(tmp_path: Path) -> None:
    bow = [(30, 20), (40, 30), (40, 20), (30, 30)]
    found = instances_of(tmp_path, square(-3.5, -2.5, 6), square(1, 1, 5), bow, square(44, 36, 60))
    assert (found[:3, :2] == 1).all()
    assert (found[3:6, 1:6] == 2).all()
    assert found[25, 31] == found[25, 38] == 3
    assert found[21, 35] == 0
    assert (found[36:, 44:] == 4).all()


def test_regions_without_a_pixel_are_left_out_and_named(tmp_path: Path) -> None:
    lost: list[Outline] = [[], [(3, 3), (9, 9)], square(-90, -90), square(6.6, 6.6, 0.5)]
    source, item = one(tmp_path, SQUARE, *lost, square(20, 10))
    assert set(np.unique(source.read(item, {Signal.INSTANCES})[Signal.INSTANCES])) == {0, 1, 6}
    assert source.problems() == []
    (remark,) = source.extra()
    assert f"{MONUSEG_TRAINING[0]}.xml: 4 of 6 outlines without a pixel" in remark
    assert (
        "region 2 (line 13) with 0 vertices, region 3 (line 17) with 2 vertices, region 4 (line 23) and 1"
        in remark
    )


@pytest.mark.parametrize(
    ("stated", "mpp", "power"),
    [("0.2468", 0.2468, 40), (None, 0.25, 40), ("", 0.25, 40), ("0.5005", 0.5005, None)],
)
def test_the_scale_is_that_of_the_file_or_else_of_the_set(
    tmp_path: Path, stated: str | None, mpp: float, power: float | None
) -> None:
    source, item = one(tmp_path, mpp=stated)
    sample = source.read(item, {Signal.IMAGE})
    assert (sample.mpp, sample.power) == (mpp, power)


@pytest.mark.parametrize("stated", ["250", "0", "0,5", "0.5 um"])
def test_a_scale_that_cannot_be_one_is_a_problem_and_not_that_of_the_set(tmp_path: Path, stated: str) -> None:
    source, item = one(tmp_path, SQUARE, mpp=stated)
    said = f"{MONUSEG_TRAINING[0]}.xml states MicronsPerPixel='{stated}': mpp="
    (problem,) = source.problems()
    assert said in problem
    with pytest.raises(UserError, match=said):
        source.read(item, {Signal.IMAGE})


def test_a_negative_region_is_left_out_of_what_it_lies_on(tmp_path: Path) -> None:
    source, item = one(tmp_path, square(1, 1, 20), square(5, 5, 4), square(30, 5, 6))
    annotation = source.files(item)[1]
    annotation.write_text(annotation.read_text().replace('Id="2" Type', 'Id="2" NegativeROA="1" Type'))
    found = source.read(item, {Signal.INSTANCES})[Signal.INSTANCES]
    expected = np.zeros((40, 48), int)
    expected[1:21, 1:21] = 1
    expected[5:9, 5:9] = 0
    expected[5:11, 30:36] = 3
    np.testing.assert_array_equal(found, expected)
    assert source.problems() == source.extra() == []


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    source, item = one(tmp_path, [(1, 1), ("x", 2), (3, 3)])
    sample = source.read(item, {Signal.IMAGE})
    assert set(sample.signals) == {Signal.IMAGE}
    np.testing.assert_array_equal(sample[Signal.IMAGE], tissue())
    with pytest.raises(UserError, match=r"line 8, has a vertex of region 1 \(line 5\) with X='x'"):
        source.read(item, {Signal.MASK})
    source.files(item)[1].unlink()
    assert source.read(item, {Signal.IMAGE}).mpp == 0.25
    write_annotation(source.files(item)[1], [SQUARE])
    assert source.read(item, {Signal.POINTS})[Signal.POINTS].tolist() == [[3, 2]]


def test_every_problem_is_listed_at_once(folder: Path) -> None:
    training = folder / "MoNuSeg 2018 Training Data"
    test = folder / "MoNuSegTestData"
    image = training / "Tissue Images" / f"{MONUSEG_TRAINING[0]}.tif"
    image.write_bytes(image.read_bytes()[:900])
    (training / "Annotations" / f"{MONUSEG_TRAINING[1]}.xml").unlink()
    write_annotation(training / "Annotations" / f"{MONUSEG_TRAINING[2]}.xml", [square(500, 500)])
    (test / f"{MONUSEG_TEST[0]}.xml").write_text("<!DOCTYPE a [<!ENTITY b 'c'>]><Annotations/>")
    write_pair(
        training / "Tissue Images", training / "Annotations", MONUSEG_TEST[1], [("1", ""), (2, 2), (3, 1)]
    )
    problems = MoNuSeg(folder).problems()
    expected = [
        f"{MONUSEG_TRAINING[0]}.tif is cut short",
        f"{MONUSEG_TRAINING[1]}.xml does not exist",
        f"{MONUSEG_TRAINING[2]}.xml has no region that lies in its image of 40 x 48 px",
        f"{MONUSEG_TEST[0]}.xml declares a document type",
        f"MoNuSegTestData/{MONUSEG_TEST[1]}.tif is also a training image",
        f"Annotations/{MONUSEG_TEST[1]}.xml, line 7, has a vertex of region 1 (line 5) with Y=''",
    ]
    assert len(problems) == len(expected)
    for words in expected:
        assert sum(words in problem for problem in problems) == 1, words


def test_a_field_without_regions_is_a_problem(tmp_path: Path) -> None:
    source, item = one(tmp_path, SQUARE)
    write_annotation(source.files(item)[1], [])
    (problem,) = source.problems()
    assert problem.endswith(".xml holds no regions: get it again")


def test_annotations_of_no_image_are_extra_and_hidden_files_nothing(folder: Path) -> None:
    test = folder / "MoNuSegTestData"
    write_annotation(test / "TCGA-ZZ-0000.xml", [SQUARE])
    (test / "._TCGA-2Z-A9J9-01A-01-TS1.tif").touch()
    source = MoNuSeg(folder)
    assert source.problems() == []
    (extra,) = source.extra()
    assert "TCGA-ZZ-0000.xml is extra" in extra


def test_a_wrong_folder_says_where_to_get_the_set(tmp_path: Path) -> None:
    (tmp_path / "Tissue Images").mkdir()
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(UserError, match=f"{path}.*monuseg.*grand-challenge.*CC BY-NC-SA"):
            MoNuSeg(path).splits()
        assert len(MoNuSeg(path).problems()) == 1


def test_the_configuration_builds_the_reader(folder: Path) -> None:
    spec = yaml.safe_load((Path(__file__).parents[2] / "conf/dataset/monuseg.yaml").read_text())
    built = build(spec | {"data_root": str(folder.parent)})
    assert isinstance(built, MoNuSeg)
    assert (built.path, built.split) == (folder, "official")


@with_real_data
def test_real_fields_are_whole_and_have_their_scale() -> None:
    source = MoNuSeg(DATA / "monuseg")
    assert (len(source.items("train")), len(source.items("val")), len(source.items("test"))) == (3, 1, 0)
    assert source.problems() == []
    (remark,) = source.extra()  # a region of seven vertices, a fraction of a pixel across
    assert "TCGA-AR-A1AK-01Z-00-DX1.xml: 1 of 433 outlines without a pixel of their own" in remark
    counts, spacings = {}, {}
    for item in source.splits()["all"].parts["test"]:
        sample = source.read(item, {Signal.IMAGE, Signal.POINTS})
        counts[item.group], spacings[item.group] = len(sample[Signal.POINTS]), sample.mpp
    assert counts == {"TCGA-AR-A1AK": 432, "TCGA-B0-5710": 359, "TCGA-CH-5767": 294, "TCGA-NH-A8F7": 363}
    assert spacings == {
        "TCGA-AR-A1AK": 0.2468, "TCGA-B0-5710": 0.252, "TCGA-CH-5767": 0.252, "TCGA-NH-A8F7": 0.25
    }  # fmt: skip


@with_real_data
@pytest.mark.skipif(not (DATA / "multiorgan").is_dir(), reason="MASKLESS_DATA has no multiorgan/")
def test_real_nuclei_are_those_of_multiorgan_whose_labels_lie_up_to_half_a_pixel_up_and_left() -> None:
    ours, theirs = MoNuSeg(DATA / "monuseg", split="all"), MultiOrgan(DATA / "multiorgan")
    by_case = {item.case: item for part in ("train", "val", "test") for item in theirs.items(part)}
    moved = []
    for item in ours.items("test"):
        mine = ours.read(item, {Signal.INSTANCES})[Signal.INSTANCES]
        other = theirs.read(by_case[item.case], {Signal.INSTANCES})[Signal.INSTANCES]
        assert 0.92 < np.count_nonzero((mine > 0) & (other > 0)) / np.count_nonzero(mine + other) < 0.98
        both = (mine > 0) & (other > 0)
        pairs, sizes = np.unique(mine[both] * 10_000 + other[both], return_counts=True)
        # Of an id's overlaps the largest comes last, and stays.
        partner = dict(divmod(pair, 10_000) for pair in pairs[np.argsort(sizes)].tolist())
        assert len(set(partner.values())) >= 0.99 * (len(np.unique(mine)) - 1)
        ids, partners = list(partner), list(partner.values())
        shift = np.subtract(center_of_mass(other > 0, other, partners), center_of_mass(mine > 0, mine, ids))
        moved.append(np.median(shift, axis=0))
    # Their code counts from 1. (The field whose vertices are whole numbers is where a rule of drawing shows.)
    assert (np.abs(moved) < 0.6).all()
    np.testing.assert_allclose(np.mean(moved, axis=0), -0.35, atol=0.1)
