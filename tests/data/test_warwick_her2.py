import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from her2_layout import TEST, TRAIN, drawn, write_warwick_her2
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from layouts import tissue
from numpy.typing import NDArray
from PIL import Image

from maskless.build import build
from maskless.data.readers.warwick_her2 import WarwickHER2, nuclei
from maskless.errors import UserError
from maskless.signals import Item, Signal

REAL = Path(os.environ.get("MASKLESS_DATA", "")) / "warwick_her2"
with_real_data = pytest.mark.skipif(
    "MASKLESS_DATA" not in os.environ or not REAL.is_dir(), reason="MASKLESS_DATA has no warwick_her2/"
)
DRAWN = {Signal.INSTANCES, Signal.MASK, Signal.POINTS}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_warwick_her2(tmp_path / "warwick_her2")


def ids(source: WarwickHER2) -> dict[str, list[str]]:
    return {part: [item.id for item in source.items(part)] for part in ("train", "val", "test")}


def test_a_test_patch_has_an_image_and_nuclei(folder: Path) -> None:
    source = WarwickHER2(data_root=folder.parent)
    assert source.problems() == source.extra() == []
    assert source.offers == {Signal.IMAGE, *DRAWN}
    item = source.items("test")[1]
    sample = source.read(item, source.offers)
    np.testing.assert_array_equal(sample[Signal.IMAGE], tissue(11, (32, 40)))
    np.testing.assert_array_equal(sample[Signal.MASK], drawn() > 0)
    assert sample[Signal.POINTS].tolist() == [[4, 4], [17, 11], [17, 16]]
    assert (sample.mpp, sample.power) == (0.25, 40)
    assert [file.parent.name for file in source.files(item)] == ["test", "test_masks"]


def test_the_splits_are_the_folders_or_all_that_was_drawn(folder: Path) -> None:
    assert ids(WarwickHER2(folder)) == {"train": TRAIN, "val": [], "test": TEST}
    assert ids(WarwickHER2(folder, split="all_train")) == {"train": TEST, "val": [], "test": []}
    assert WarwickHER2(folder).items("test")[2] == Item("3-roi_0", group="3")
    assert not any(split.leaky for split in WarwickHER2(folder).splits().values())
    Image.fromarray(tissue()).save(folder / "train" / "02-roi_7.png")
    assert WarwickHER2(folder).splits()["official"].leaky


def test_a_training_patch_has_no_nuclei(folder: Path) -> None:
    source = WarwickHER2(folder)
    item = source.items("train")[0]
    assert source.offers_of(item) == {Signal.IMAGE}
    assert source.offers_of(source.items("test")[0]) == {Signal.IMAGE, *DRAWN}
    np.testing.assert_array_equal(source.read(item, [Signal.IMAGE])[Signal.IMAGE], tissue(0, (64, 64)))
    with pytest.raises(UserError, match=r"train/01-roi_0\.png has no mask: .*split=all_train"):
        source.read(item, [Signal.MASK])


def test_masks_alone_are_a_prior_and_no_image(tmp_path: Path) -> None:
    source = WarwickHER2(write_warwick_her2(tmp_path / "her2", ("test_masks",)), split="all_train")
    assert source.problems() == []
    assert source.offers == DRAWN
    assert ids(source)["train"] == TEST
    assert ids(WarwickHER2(tmp_path / "her2")) == {"train": [], "val": [], "test": []}
    first, *_, last = source.items("train")
    assert source.offers_of(first) == DRAWN
    sample = source.read(first, [Signal.MASK])
    assert set(sample.signals) == {Signal.MASK}
    np.testing.assert_array_equal(sample[Signal.MASK], drawn() > 0)
    assert not source.read(last, [Signal.INSTANCES])[Signal.INSTANCES].any()
    assert source.files(first) == [tmp_path / "her2/test_masks/02-roi_0.png"]
    with pytest.raises(UserError, match=r"02-roi_0\.png is the mask of a patch .*owners' permission.*prior="):
        source.read(first, [Signal.IMAGE])


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (
            ("test_masks",),
            ["no patches in train/ and test/, because the slides need their owners' permission"],
        ),
        (("train", "test_masks"), ["no patches in test/, because"]),
        (("test", "test_masks"), ["no patches in train/, because"]),
        (("train", "test"), ["has no test_masks/, so nothing can be scored"]),
        (("train",), ["no patches in test/, because", "has no test_masks/"]),
    ],
)
def test_what_is_missing_is_said_in_a_sentence_and_is_no_problem(
    tmp_path: Path, there: tuple[str, ...], said: list[str]
) -> None:
    source = WarwickHER2(write_warwick_her2(tmp_path / "her2", there))
    assert source.problems() == []
    assert len(source.extra()) == len(said)
    for sentence, words in zip(source.extra(), said, strict=True):
        assert words in sentence
    offered = {
        signal
        for item in (*source.items("train"), *source.items("test"))
        for signal in source.offers_of(item)
    }
    assert offered <= source.offers
    assert (Signal.IMAGE in source.offers) is bool({"train", "test"} & set(there))
    assert (Signal.INSTANCES in source.offers) is ("test_masks" in there)


def test_every_problem_is_listed_at_once(folder: Path) -> None:
    (folder / "train/01-roi_1.png").write_bytes((folder / "train/01-roi_1.png").read_bytes()[:300])
    Image.fromarray(tissue()).save(folder / "train" / "somewhere.png")
    Image.fromarray(tissue()).save(folder / "train" / "02-roi_1.png")
    (folder / "test/02-roi_0.png").unlink()
    Image.fromarray(drawn()[:20]).save(folder / "test_masks/02-roi_1.png")
    (folder / "test_masks/3-roi_0.png").rename(folder / "test_masks/3-roi_9.png")
    Image.fromarray(drawn() // 2).save(folder / "test_masks/3-roi_9.png")
    expected = [
        "train/somewhere.png has no '-roi_' in its name",
        "train/02-roi_1.png is a training patch, but",
        "test/3-roi_0.png has no mask in test_masks/",
        "test_masks/02-roi_0.png has no patch in test/",
        "test_masks/3-roi_9.png has no patch in test/",
        "train/01-roi_1.png is cut short",
        "test_masks/02-roi_1.png is 20 x 40 px",
        "test_masks/3-roi_9.png holds 127",
    ]
    problems = WarwickHER2(folder).problems()
    assert len(problems) == len(expected), problems
    for words, problem in zip(expected, problems, strict=True):
        assert words in problem


def test_a_wrong_path_says_where_it_looked_and_where_to_get_the_set(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for path, words in ((tmp_path / "absent", "no folder .*absent"), (tmp_path / "other", "holds no PNG")):
        with pytest.raises(UserError, match=f"{words}.*her2contest"):
            WarwickHER2(path).items("train")
        with pytest.raises(UserError, match=words):
            _ = WarwickHER2(path).offers
        assert len(WarwickHER2(path).problems()) == 1


@settings(deadline=None)
@given(arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_nuclei_are_what_hangs_together_at_sides_and_corners(
    tmp_path_factory, mask: NDArray[np.bool_]
) -> None:
    path = tmp_path_factory.getbasetemp() / "mask.png"
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)
    labels = nuclei(path)
    assert labels.dtype == np.int32
    expected = np.zeros(mask.shape, int)
    for row, column in np.argwhere(mask):  # in reading order, and from each unseen pixel all that it reaches
        if expected[row, column]:
            continue
        number, to_visit = expected.max() + 1, [(row, column)]
        while to_visit:
            r, c = to_visit.pop()
            inside = 0 <= r < mask.shape[0] and 0 <= c < mask.shape[1]
            if inside and mask[r, c] and not expected[r, c]:
                expected[r, c] = number
                to_visit += [(r + dr, c + dc) for dr in (-1, 0, 1) for dc in (-1, 0, 1)]
    np.testing.assert_array_equal(labels, expected)


def test_the_configuration_builds_the_reader(folder: Path) -> None:
    spec = yaml.safe_load((Path(__file__).parents[2] / "conf/dataset/warwick_her2.yaml").read_text())
    built = build(spec | {"data_root": str(folder.parent)})
    assert isinstance(built, WarwickHER2)
    assert (built.path, built.split) == (folder, "official")


@with_real_data
def test_the_real_masks_are_those_of_the_paper() -> None:
    source = WarwickHER2(REAL, split="all_train")
    assert source.problems() == []
    items = source.items("train")
    assert (len(items), len({item.group for item in items})) == (68, 34)
    counts = {}
    for item in items:
        instances = source.read(item, [Signal.INSTANCES])[Signal.INSTANCES]
        assert instances.shape == (256, 256)
        counts[item.id] = int(instances.max())
    assert sum(counts.values()) == 1_210
    assert [name for name, count in counts.items() if count == 0] == ["62-roi_1"]
