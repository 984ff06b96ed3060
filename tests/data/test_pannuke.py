"""PanNuke as it is published: what is read, what is refused, and that tiles are read one by one."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pannuke_files import fold_images, fold_masks, write_pannuke

from maskless.build import build
from maskless.data.derive import mask
from maskless.data.fingerprint import describe
from maskless.data.readers.pannuke import PanNuke, joined
from maskless.data.tile_stack import read_tile
from maskless.errors import UserError
from maskless.signals import Signal

CLASSES = ("neoplastic", "inflammatory", "connective", "dead", "epithelial")
REAL = Path(os.environ.get("MASKLESS_DATA", "")) / "pannuke"
with_real_data = pytest.mark.skipif(
    "MASKLESS_DATA" not in os.environ or not REAL.is_dir(), reason="MASKLESS_DATA has no pannuke/"
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folds of 2, 1 and 1 tiles, not to be changed."""
    return write_pannuke(tmp_path_factory.mktemp("data") / "pannuke")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The same with a tile a fold and a byte a value, to be changed."""
    return write_pannuke(tmp_path / "pannuke", (1, 1, 1), of_type=np.uint8)


def save(file: Path, array: np.ndarray[Any, Any]) -> None:
    np.save(file, array)


def test_a_tile_has_its_image_ids_and_classes(written: Path) -> None:
    source = PanNuke(data_root=written.parent)
    assert source.problems() == []
    assert source.offers == {Signal.IMAGE, Signal.INSTANCES, Signal.MASK, Signal.POINTS, Signal.CLASSES}
    for fold, part in ((1, "train"), (2, "val"), (3, "test")):
        for k, item in enumerate(source.items(part)):
            sample = source.read(item, source.offers)
            expected = fold_images(fold, 2)[k]
            np.testing.assert_array_equal(sample[Signal.IMAGE], expected)
            assert sample[Signal.IMAGE].dtype == np.uint8
            instances = sample[Signal.INSTANCES]
            assert instances.dtype == np.int32
            # The first channel has what it shares with the last; the same id in both is two nuclei.
            assert len(np.unique(instances[:10, :10])) == len(np.unique(instances[10:15, :10])) == 1
            assert len(sample[Signal.CLASSES]) == len(np.unique(instances)) - 1 == 3
            assert sample[Signal.CLASSES][int(instances[7, 7])] == "neoplastic"
            assert sample[Signal.CLASSES][int(instances[12, 7])] == "epithelial"
            assert sample[Signal.CLASSES][int(instances[101, 101])] == "inflammatory"
            np.testing.assert_array_equal(mask(instances), (fold_masks(fold, 2)[k, ..., :5] > 0).any(-1))
            assert (sample.mpp, sample.power) == (0.25, 40)


@settings(deadline=None)
@given(arrays(np.int64, (3, 4, 5), elements=st.integers(0, 9)))
def test_ids_are_joined_without_loss(channels: np.ndarray) -> None:
    found = joined(channels)
    for row, column in np.ndindex(3, 4):
        stack = channels[row, column]
        there = np.flatnonzero(stack)
        if not there.size:
            assert found[row, column] == 0
            continue
        number, channel = divmod(int(found[row, column]) - 1, 5)
        assert (number + 1, channel) == (stack[there[0]], there[0])


def test_masks_are_read_without_their_images(small: Path) -> None:
    source = PanNuke(small, split="all_train")
    items = source.items("train")
    for file in small.rglob("images.npy"):
        file.write_bytes(file.read_bytes()[:200])  # its header alone
    for item in items:
        assert source.read(item, {Signal.MASK})[Signal.MASK].sum() == 150 + 16


def test_the_folds_are_the_splits(written: Path) -> None:
    parts = {
        name: {part: {item.id[:5] for item in items} for part, items in split.parts.items()}
        for name, split in PanNuke(written).splits().items()
    }
    assert parts == {
        "official": {"train": {"fold1"}, "val": {"fold2"}, "test": {"fold3"}},
        "official2": {"train": {"fold2"}, "val": {"fold1"}, "test": {"fold3"}},
        "official3": {"train": {"fold3"}, "val": {"fold2"}, "test": {"fold1"}},
        "all_train": {"train": {"fold1", "fold2", "fold3"}, "val": set(), "test": set()},
        "all": {"train": set(), "val": set(), "test": {"fold1", "fold2", "fold3"}},
    }
    source = PanNuke(written, split="all")
    assert [item.id for item in source.items("test")] == [
        "fold1-0000",
        "fold1-0001",
        "fold2-0000",
        "fold3-0000",
    ]
    assert not any(split.leaky for split in source.splits().values())
    assert [item.group.split()[0] for item in source.items("test")] == ["Breast", "Adrenal_gland"] + [
        "Breast"
    ] * 2
    assert source.extra() == [
        f"fold {fold} has {count} tiles, where {published} were published"
        for fold, count, published in ((1, 2, 2656), (2, 1, 2523), (3, 1, 2722))
    ]


LAYOUTS = {
    "straight": "fold1/{}",
    "upper case": "FOLD_1/{}",
    "archive's folder": "fold_1/Fold 1/{kind}/fold1/{}",
    "kinds outside": "{kind}/Fold-1/{}",
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_other_folders_of_the_same_fold(small: Path, layout: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for file in (small / "Fold 1").rglob("*.npy"):
        kind = "masks" if file.name == "masks.npy" else "images"
        to = other / layout.format(file.name, kind=kind)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, to)
    source = PanNuke(other)
    assert source.problems() == []
    assert [item.id for item in source.items("train")] == ["fold1-0000"]
    assert source.items("test") == ()
    assert [remark for remark in source.extra() if "not in" in remark] == [
        f"fold 2 is not in {other}: splits are without its 2523 tiles",
        f"fold 3 is not in {other}: splits are without its 2722 tiles",
    ]


def test_types_are_not_needed(small: Path) -> None:
    (small / "Fold 1/images/fold1/types.npy").unlink()
    source = PanNuke(small)
    assert source.problems() == []
    assert [item.group for item in source.items("train")] == ["fold1-0000"]
    assert any("fold 1 has no types.npy" in remark for remark in source.extra())


def test_a_file_is_hashed_once_and_no_two_tiles_are_one_case(written: Path) -> None:
    about = describe(PanNuke(written))
    assert len(set(about["cases"].values())) == len(about["cases"]) == 4
    before = about["sha256"]
    masks = np.load(written / "Fold 3/masks/fold3/masks.npy")
    changed = written.parent / "changed"
    shutil.copytree(written, changed)
    masks[0, 200, 200, 0] = 9
    save(changed / "Fold 3/masks/fold3/masks.npy", masks)
    assert describe(PanNuke(changed))["sha256"] != before


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's list of mappings")
def test_nothing_of_the_files_stays_mapped(written: Path) -> None:
    source = PanNuke(written, split="all")
    read = [source.read(item, source.offers) for item in source.items("test")]
    assert str(written) not in Path("/proc/self/maps").read_text()
    assert len(read) == 4


def test_every_problem_of_the_files_is_listed_at_once(small: Path) -> None:
    images, masks = (small / f"Fold {fold}/{kind}/fold{fold}" for fold, kind in ((1, "images"), (1, "masks")))
    save(images / "images.npy", np.zeros((1, 256, 255, 3), np.uint8))
    (masks / "masks.npy").write_bytes((masks / "masks.npy").read_bytes()[:-1])
    shutil.rmtree(small / "Fold 2/masks")
    save(small / "Fold 3/masks/fold3/masks.npy", np.zeros((2, 256, 256, 6), np.uint8))
    shutil.copytree(small / "Fold 3/masks/fold3", small / "fold3")
    expected = [
        "are both the masks.npy of fold 3: keep one",
        "images.npy has the shape (1, 256, 255, 3), where (n, 256, 256, 3) is expected",
        "masks.npy cannot be read as a whole NumPy array",
        "holds no masks.npy of fold 2, which is Fold 2/masks/fold2/masks.npy as published",
        "a tile each for all, but",
    ]
    source = PanNuke(small)
    problems = source.problems()
    assert len(problems) == len(expected), problems
    for words, problem in zip(expected, problems, strict=True):
        assert words in problem
        assert str(small) in problem
    with pytest.raises(UserError, match="5 problems"):
        source.items("train")


@pytest.mark.parametrize(
    ("file", "array", "words"),
    [
        ("images", np.full((1, 256, 256, 3), 0.5), "0.5 at row 0, column 0, channel 0, where a whole number"),
        ("images", np.full((1, 256, 256, 3), 256), "from 0 to 255 is expected"),
        ("images", np.full((1, 256, 256, 3), np.nan), "nan at row 0"),
        ("masks", np.full((1, 256, 256, 6), np.inf), "inf at row 0"),
        ("masks", np.full((1, 256, 256, 6), -1), "-1 at row 0"),
        ("masks", np.full((1, 256, 256, 6), 2**31), "from 0 to 429496729 is expected"),
        ("masks", np.zeros((0, 256, 256, 6)), "has the shape (0, 256, 256, 6)"),
        ("masks", np.zeros((1, 256, 256, 6), bool), "holds bool, where numbers are expected"),
        ("masks", np.array(3.0), "(n, 256, 256, 6) is expected"),
    ],
)
def test_wrong_values_are_named_with_their_place(
    small: Path, file: str, array: np.ndarray, words: str
) -> None:
    path = small / f"Fold 2/{file}/fold2/{file}.npy"
    save(path, array)
    problems = PanNuke(small).problems()
    assert len(problems) == 1, problems
    assert words in problems[0]
    assert str(path) in problems[0]


def test_a_wrong_value_in_any_tile_is_found_when_it_is_read(tmp_path: Path) -> None:
    stack = np.zeros((3, 4, 4, 6))
    stack[2, 1, 3, 4] = -2
    save(tmp_path / "masks.npy", stack)
    assert read_tile(tmp_path / "masks.npy", 2, 4, 9).shape == (4, 4, 4)  # what is not asked for is not read
    with pytest.raises(UserError, match=r"tile 2: -2.0 at row 1, column 3, channel 4"):
        read_tile(tmp_path / "masks.npy", 2, 5, 9)


def test_a_wrong_path_says_where_it_looked_and_where_to_get_the_set(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for path, words in ((tmp_path / "absent", "no folder .*absent"), (tmp_path / "other", "holds no images")):
        with pytest.raises(UserError, match=f"{words}.*warwick"):
            PanNuke(path).items("train")
        assert len(PanNuke(path).problems()) == 1


def test_the_configuration_builds_the_reader(written: Path) -> None:
    spec = yaml.safe_load((Path(__file__).parents[2] / "conf/dataset/pannuke.yaml").read_text())
    built = build(spec | {"data_root": str(written.parent)})
    assert isinstance(built, PanNuke)
    assert (built.path, built.split) == (written, "official")


@with_real_data
def test_the_real_folds_have_the_published_tiles() -> None:
    source = PanNuke(REAL)
    assert source.problems() == source.extra() == []
    assert [len(source.items(part)) for part in ("train", "val", "test")] == [2656, 2523, 2722]
