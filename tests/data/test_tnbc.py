import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from he_layouts import TNBC_PARTS, tnbc_mask, write_tnbc, write_tnbc_of_owners
from layouts import tissue
from PIL import Image

from maskless.build import build
from maskless.data.fingerprint import describe
from maskless.data.readers.tnbc import TNBC
from maskless.errors import UserError
from maskless.signals import Signal

REAL = Path(os.environ.get("MASKLESS_DATA", "")) / "tnbc"
with_real_data = pytest.mark.skipif(
    "MASKLESS_DATA" not in os.environ or not REAL.is_dir(), reason="MASKLESS_DATA has no tnbc/"
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return write_tnbc(tmp_path / "tnbc")


@pytest.fixture
def owners(tmp_path: Path) -> Path:
    return write_tnbc_of_owners(tmp_path / "owners")


def test_the_official_split_is_that_of_the_file_and_by_patient(repository: Path) -> None:
    source = TNBC(data_root=repository.parent)
    for part, names in TNBC_PARTS.items():
        assert [item.id for item in source.items(part)] == names
    assert [item.group for item in source.items("train")] == ["01", "01", "06"]
    assert not source.splits()["official"].leaky


@pytest.mark.parametrize("layout", ["repository", "owners"])
def test_all_has_every_field_once_in_its_test_part(layout: str, request: pytest.FixtureRequest) -> None:
    source = TNBC(request.getfixturevalue(layout), split="all")
    assert [item.id for item in source.items("test")] == ["01_1", "01_2", "06_1", "07_1", "09_1", "11_1"]
    assert source.items("train") == source.items("val") == ()
    assert not source.splits()["all"].leaky


def test_a_fold_is_scored_on_its_validation_part_and_says_so(repository: Path, tmp_path: Path) -> None:
    source = TNBC(repository, split="fold4")
    assert list(source.splits()) == [
        "official", *(f"fold{k}" for k in range(10)), "all_train", "all"
    ]  # fmt: skip
    assert source.items("test") == source.items("val") != ()
    assert source.splits()["fold4"].leaky
    assert list(TNBC(write_tnbc(tmp_path / "bare", folds=False)).splits()) == ["official", "all_train", "all"]


def test_ids_of_the_repository_pass_unchanged(repository: Path) -> None:
    source = TNBC(repository)
    item = source.items("val")[0]
    sample = source.read(item, {Signal.IMAGE, Signal.INSTANCES})
    np.testing.assert_array_equal(sample[Signal.IMAGE], tissue(3))
    assert set(np.unique(sample[Signal.INSTANCES])) == {0, 5, 303}
    assert (sample.mpp, sample.power) == (0.25, 40)
    assert set(source.read(item, {Signal.POINTS}).signals) == {Signal.POINTS}


def test_the_owners_own_layout_is_split_by_the_same_patients(owners: Path) -> None:
    source = TNBC(owners)
    assert list(source.splits()) == ["official", "all", "all_train"]
    assert source.splits()["all_train"].parts["train"] == source.splits()["all"].parts["test"]
    for part, names in TNBC_PARTS.items():
        assert [item.id for item in source.items(part)] == sorted(names)
    assert source.problems() == source.extra() == []


def test_a_nucleus_of_the_owners_own_layout_is_what_hangs_together(owners: Path) -> None:
    source = TNBC(owners)
    item = source.items("val")[0]
    sample = source.read(item, {Signal.IMAGE, Signal.INSTANCES, Signal.MASK})
    instances = sample[Signal.INSTANCES]
    assert instances.dtype == np.int32
    assert instances.max() == 3
    assert instances[3, 3] == instances[6, 6]
    assert len({instances[3, 3], instances[25, 11], instances[25, 16]}) == 3
    np.testing.assert_array_equal(sample[Signal.MASK], tnbc_mask() > 0)
    np.testing.assert_array_equal(sample[Signal.IMAGE], tissue(3))
    assert set(source.read(item, {Signal.IMAGE}).signals) == {Signal.IMAGE}


def test_brain_slides_of_the_second_edition_are_left_alone_and_named(owners: Path) -> None:
    for folder in ("Slide_12", "GT_12"):
        (owners / folder).mkdir()
        Image.fromarray(tnbc_mask()).save(owners / folder / "12_1.png")
    Image.fromarray(tnbc_mask()).save(owners / "Slide_01" / "02_9.png")
    source = TNBC(owners, split="all")
    assert len(source.items("test")) == 6
    assert source.problems() == []
    extra = source.extra()
    assert len(extra) == 3
    for name in ("Slide_12/12_1.png", "GT_12/12_1.png", "Slide_01/02_9.png"):
        assert sum(f"{name} is extra" in sentence for sentence in extra) == 1


def test_every_problem_of_the_owners_own_layout_is_listed_at_once(owners: Path) -> None:
    cut = owners / "Slide_01" / "01_1.png"
    cut.write_bytes(cut.read_bytes()[:500])
    grey = tnbc_mask()
    grey[20, 11] = 128
    Image.fromarray(grey).save(owners / "GT_01" / "01_2.png")
    (owners / "GT_06" / "06_1.png").unlink()
    Image.fromarray(tnbc_mask()[:30]).save(owners / "GT_07" / "07_1.png")
    problems = TNBC(owners).problems()
    expected = (
        "Slide_01/01_1.png is cut short",
        "GT_01/01_2.png holds 128 at row 20, column 11",
        "GT_06/06_1.png does not exist",
        "GT_07/07_1.png is 30 x 48 px",
    )
    assert len(problems) == len(expected)
    for words in expected:
        assert sum(words in problem for problem in problems) == 1, words


def test_every_problem_of_the_repository_is_listed_at_once(repository: Path) -> None:
    (repository / "images" / "01_1.png").unlink()
    (repository / "labels_instance" / "07_1_label.png").write_bytes(b"")
    (repository / "folds" / "fold3.json").write_text("{")
    problems = TNBC(repository).problems()
    assert len(problems) == 3
    for words in ("fold3.json is no readable JSON", "01_1.png is missing", "07_1_label.png is empty"):
        assert sum(words in problem for problem in problems) == 1, words


def test_a_wrong_folder_says_where_to_get_the_set(tmp_path: Path) -> None:
    (tmp_path / "Slides").mkdir()
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(UserError, match=f"{path}.*tnbc.*WeakNucleiSeg.*zenodo"):
            TNBC(path).splits()
        assert len(TNBC(path).problems()) == 1


def test_it_shows_no_tissue_of_another_set(repository: Path) -> None:
    about = describe(TNBC(repository))
    assert (about["same_tissue"], about["licence"]) == ([], "CC BY 4.0")
    assert about["groups"]["06_1"] == "06"


def test_the_configuration_builds_the_reader(repository: Path) -> None:
    spec = yaml.safe_load((Path(__file__).parents[2] / "conf/dataset/tnbc.yaml").read_text())
    built = build(spec | {"data_root": str(repository.parent)})
    assert isinstance(built, TNBC)
    assert (built.path, built.split) == (repository, "official")


@with_real_data
def test_the_real_set_is_whole_and_split_as_published() -> None:
    source = TNBC(REAL)
    splits = source.splits()
    assert {p: len(items) for p, items in splits["official"].parts.items()} == {
        "train": 30,
        "val": 7,
        "test": 13,
    }
    assert not splits["official"].leaky
    assert len(splits["all"].parts["test"]) == 50
    straddling = []
    for k in range(10):
        parts = splits[f"fold{k}"].parts
        assert (len(parts["train"]), len(parts["val"])) == (45, 5)
        groups = [{item.group for item in parts[part]} for part in ("train", "val")]
        straddling.append(bool(groups[0] & groups[1]))
    assert straddling == [k != 2 for k in range(10)]
    assert source.problems() == source.extra() == []


@with_real_data
def test_both_layouts_of_the_real_set_have_the_same_nuclei_and_the_same_split(tmp_path: Path) -> None:
    source = TNBC(REAL, split="all")
    total = 0
    for number, item in enumerate(source.items("test")):
        instances = source.read(item, {Signal.INSTANCES})[Signal.INSTANCES]
        total += len(np.unique(instances)) - 1
        for kind in ("Slide", "GT"):
            (tmp_path / f"{kind}_{item.group}").mkdir(exist_ok=True)
        (tmp_path / f"Slide_{item.group}" / f"{item.id}.png").symlink_to(source.files(item)[0])
        if number % 7 == 0:
            file = tmp_path / f"GT_{item.group}" / f"{item.id}.png"
            Image.fromarray(np.where(instances > 0, 255, 0).astype(np.uint8)).save(file)
            found = TNBC(tmp_path).read(item, {Signal.INSTANCES})[Signal.INSTANCES]
            pairs = np.unique(np.stack([instances.ravel(), found.ravel()]), axis=1)
            assert all(len(set(ids)) == pairs.shape[1] for ids in pairs.tolist())
    assert total == 4_028
    official, own = TNBC(REAL).splits()["official"], TNBC(tmp_path).splits()["official"]
    assert {p: set(items) for p, items in official.parts.items()} == {
        p: set(items) for p, items in own.parts.items()
    }
    ends = [own.parts[part][place].group for part in ("train", "val", "test") for place in (0, -1)]
    assert all(before <= after for before, after in pairwise(ends))
