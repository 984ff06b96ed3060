import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ihc_layouts import SIDE, painted, write_deepliif, write_deepliif_sample, write_strip
from layouts import tissue
from numpy.typing import NDArray
from PIL import Image
from skimage.measure import label

from maskless.build import build
from maskless.data.readers.deepliif import DeepLIIF, colour_codes, nuclei
from maskless.errors import UserError
from maskless.signals import Item, Signal

REAL = Path(os.environ.get("MASKLESS_DATA", "")) / "deepliif"
with_real_data = pytest.mark.skipif(
    "MASKLESS_DATA" not in os.environ or not REAL.is_dir(), reason="MASKLESS_DATA has no deepliif/"
)
ALL = (Signal.IMAGE, Signal.INSTANCES, Signal.CLASSES)


def test_the_published_set_is_split_by_its_folders(tmp_path: Path) -> None:
    source = DeepLIIF(data_root=write_deepliif(tmp_path / "deepliif").parent)
    assert source.problems() == source.extra() == []
    assert [item.id for item in source.items("train")] == ["Bladder_1", "Lung_1", "Lung_2"]
    assert [item.id for item in source.items("val")] == ["Lung_3"]
    assert [item.id for item in source.items("test")] == ["a", "b"]
    every = DeepLIIF(tmp_path / "deepliif", split="all")
    assert len(every.items("test")) == 6
    assert every.items("train") == every.items("val") == ()
    assert not any(split.leaky for split in source.splits().values())


def test_the_first_panel_is_the_image_and_the_last_the_truth(tmp_path: Path) -> None:
    source = DeepLIIF(write_deepliif(tmp_path / "deepliif"))
    assert source.offers == {*ALL, Signal.MASK, Signal.POINTS}
    sample = source.read(source.items("test")[1], ALL)
    np.testing.assert_array_equal(sample[Signal.IMAGE], tissue(1, (SIDE, SIDE)))
    assert sample[Signal.INSTANCES].dtype == np.int32
    assert sample[Signal.CLASSES] == {1: "positive", 2: "negative", 3: "negative"}
    assert (sample.mpp, sample.power) == (0.25, 40)
    assert set(source.read(source.items("test")[1], {Signal.POINTS}).signals) == {Signal.POINTS}


def test_a_nucleus_is_its_blob_and_its_half_of_the_boundary() -> None:
    found, _ = nuclei(colour_codes(painted(), Path("truth.png")), boundary_px=6)
    expected = np.zeros((SIDE, SIDE), int)
    expected[4:16, 4:15], expected[4:16, 15:26], expected[40:45, 40:45] = 1, 2, 3
    np.testing.assert_array_equal(found, expected)  # no speck, no empty outline


def test_without_the_boundary_a_nucleus_is_its_blob_alone(tmp_path: Path) -> None:
    expected = np.zeros((SIDE, SIDE), int)
    expected[6:14, 6:14], expected[6:14, 16:24], expected[40:45, 40:45] = 1, 2, 3
    folder = write_deepliif(tmp_path / "deepliif")
    for split in ("official_blobs", "all_blobs"):
        source = DeepLIIF(folder, split=split)
        assert source.items("test") == DeepLIIF(folder, split=split.removesuffix("_blobs")).items("test")
        sample = source.read(source.items("test")[0], ALL)
        np.testing.assert_array_equal(sample[Signal.INSTANCES], expected)
        assert sample[Signal.CLASSES] == {1: "positive", 2: "negative", 3: "negative"}


@st.composite
def codes(draw: st.DrawFn) -> NDArray[np.uint8]:
    """Coarse patches of the four colours, so that there are blobs of 20 px and more."""
    height, width = draw(st.integers(2, 6)), draw(st.integers(2, 6))
    cells = draw(st.lists(st.integers(0, 3), min_size=height * width, max_size=height * width))
    coarse = np.array(cells, np.uint8).reshape(height, width)
    return np.kron(coarse, np.ones((draw(st.integers(2, 6)), draw(st.integers(2, 6))), np.uint8))


@given(codes())
@settings(deadline=None)
def test_each_large_blob_is_one_connected_nucleus_of_its_colour(
    codes: NDArray[np.uint8],
) -> None:
    found, classes = nuclei(codes, boundary_px=6)
    n = 0
    for colour, word in ((1, "positive"), (2, "negative")):
        blobs = label(codes == colour, connectivity=1)
        for k in range(1, blobs.max() + 1):
            blob = blobs == k
            if blob.sum() >= 20:
                n += 1
                (of_blob,) = np.unique(found[blob])
                assert classes[int(of_blob)] == word
    assert sorted(classes) == list(range(1, n + 1)) == sorted(set(np.unique(found)) - {0})
    assert not found[codes == 0].any()
    for k in classes:
        assert label(found == k, connectivity=1).max() == 1


def test_colours_need_not_be_pure_but_must_be_near_the_four() -> None:
    truth = painted()
    clean = colour_codes(truth, Path("t.png"))
    noise = np.random.default_rng(0).integers(0, 60, truth.shape)
    noisy = np.where(truth > 0, truth - noise, noise).astype(np.uint8)
    np.testing.assert_array_equal(colour_codes(noisy, Path("t.png")), clean)
    truth[5, 7] = (255, 255, 255)
    assert colour_codes(truth, Path("t.png"))[5, 6] == clean[5, 6]  # one odd pixel is no reason to stop
    truth[50:, 7:] = (230, 220, 225)
    with pytest.raises(UserError, match=r"truth in t\.png is not .* red.* row 5, column 7 \(255, 255, 255\)"):
        colour_codes(truth, Path("t.png"))


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_the_nearest_of_the_four_colours_counts(seed: int) -> None:
    drawn = np.random.default_rng(seed).integers(0, 256, (4, 6, 3)).astype(np.uint8)
    four = np.array([(0, 0, 0), (255, 0, 0), (0, 0, 255), (0, 255, 0)])
    distances = np.linalg.norm(drawn[:, :, None].astype(float) - four, axis=-1)
    padded = np.zeros((100, 100, 3), np.uint8)  # so that odd colours are few
    padded[:4, :6] = drawn
    found = colour_codes(padded, Path("t.png"))[:4, :6]
    chosen = np.take_along_axis(distances, found[..., None].astype(int), axis=-1)[..., 0]
    np.testing.assert_allclose(chosen, distances.min(axis=-1))


def test_the_truth_of_the_samples_test_strips_is_a_file_of_its_own(tmp_path: Path) -> None:
    folder = write_deepliif_sample(tmp_path / "deepliif")
    source = DeepLIIF(folder)
    assert source.problems() == source.extra() == []
    assert {part: len(source.items(part)) for part in ("train", "val", "test")} == {
        "train": 2,
        "val": 0,
        "test": 1,
    }
    (item,) = source.items("test")
    assert source.files(item) == [folder / "test" / "6_2.png", folder / "test_groundtruth" / "6_2.png"]
    np.testing.assert_array_equal(source.read(item, ALL)[Signal.IMAGE], tissue(7, (SIDE, SIDE)))
    assert len(source.read(item, ALL)[Signal.CLASSES]) == 3
    (folder / "test_groundtruth" / "6_2.png").rename(folder / "test_groundtruth" / "other.png")
    with pytest.raises(UserError, match=r"6_2\.png has no truth: .* there is no test_groundtruth/6_2\.png"):
        source.read(item, ALL)
    assert set(source.read(item, {Signal.IMAGE}).signals) == {Signal.IMAGE}
    (remark,) = source.extra()
    assert "other.png is extra" in remark


def test_every_problem_is_listed_at_once(tmp_path: Path) -> None:
    folder = write_deepliif_sample(tmp_path / "deepliif")
    train = folder / "train"
    Image.fromarray(tissue(size=(64, 300))).save(train / "narrow.png")
    write_strip(train / "photo.png", tissue(3, (SIDE, SIDE)))
    (train / "torn.png").write_bytes((train / "Lung1.png").read_bytes()[:900])
    Image.fromarray(painted()[:32]).save(folder / "test_groundtruth" / "6_2.png")
    expected = [
        "narrow.png is 64 x 300 px (rows x columns), where six square panels",
        "photo.png is not drawn in red",
        "torn.png is cut short",
        "6_2.png is 32 x 64 px (rows x columns), but a panel of its strip is 64 x 64 px",
    ]
    problems = DeepLIIF(folder).problems()
    assert len(problems) == len(expected)
    for words, problem in zip(expected, problems, strict=True):
        assert words in problem


def test_strips_of_one_name_in_two_parts_are_told_apart(tmp_path: Path) -> None:
    for part in ("train", "val"):
        write_strip(tmp_path / part / "1.png", painted())
    write_strip(tmp_path / "val" / "2.png", painted())
    source = DeepLIIF(tmp_path)
    assert [item.id for part in ("train", "val") for item in source.items(part)] == ["train_1", "val_1", "2"]
    assert source.files(Item("val_1", "val_1")) == [tmp_path / "val" / "1.png"]


def test_a_wrong_path_says_where_it_looked_and_where_to_get_the_set(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    both = write_deepliif(tmp_path / "both")
    write_strip(both / "val" / "1.png", painted())
    for path, words in (
        (tmp_path / "absent", "there is no folder .*absent.*zenodo"),
        (tmp_path / "other", "holds no PNG in any of train/.*zenodo"),
        (both, "both val/ and DeepLIIF_Validation_Set/: keep one"),
    ):
        with pytest.raises(UserError, match=words):
            DeepLIIF(path).items("train")
        assert len(DeepLIIF(path).problems()) == 1


def test_the_configuration_builds_the_reader(tmp_path: Path) -> None:
    write_deepliif(tmp_path / "deepliif")
    spec = yaml.safe_load((Path(__file__).parents[2] / "conf/dataset/deepliif.yaml").read_text())
    built = build(spec | {"data_root": str(tmp_path)})
    assert isinstance(built, DeepLIIF)
    assert (built.path, built.split) == (tmp_path / "deepliif", "official")


@with_real_data
def test_the_real_fields_have_the_published_counts() -> None:
    source = DeepLIIF(REAL, split="all")
    assert source.problems() == source.extra() == []
    found = {}
    for item in source.items("test"):
        sample = source.read(item, ALL)
        assert sample[Signal.IMAGE].shape == (512, 512, 3)
        assert sorted(sample[Signal.CLASSES]) == np.unique(sample[Signal.INSTANCES])[1:].tolist()
        count = Counter(sample[Signal.CLASSES].values())
        found[item.id] = (count["positive"], count["negative"])
    assert found == {"Bladder1": (15, 168), "Lung1": (11, 50), "34_3": (21, 79), "6_2": (22, 24)}
    assert [len(DeepLIIF(REAL).items(part)) for part in ("train", "val", "test")] == [2, 0, 2]


@with_real_data
def test_the_boundary_of_the_real_nuclei_lies_on_nuclei() -> None:
    """What is added to the blobs is darker than what stays background, so it belongs to the nuclei."""
    with_boundary, without = DeepLIIF(REAL, split="all"), DeepLIIF(REAL, split="all_blobs")
    for item in with_boundary.items("test"):
        sample = with_boundary.read(item, (Signal.IMAGE, Signal.MASK))
        mask, grey = sample[Signal.MASK] > 0, sample[Signal.IMAGE].mean(-1)
        blobs = without.read(item, (Signal.MASK,))[Signal.MASK] > 0
        assert not (blobs & ~mask).any()
        assert grey[blobs].mean() < grey[mask & ~blobs].mean() < grey[~mask].mean() - 5
