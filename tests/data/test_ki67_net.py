import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from ihc_layouts import proximity, write_ki67_net
from layouts import tissue
from PIL import Image

from maskless.build import build
from maskless.data.readers.ki67_net import Ki67Net, peaks
from maskless.errors import UserError
from maskless.signals import Item, Signal

REAL = Path(os.environ.get("MASKLESS_DATA", "")) / "ki67_net"
with_real_data = pytest.mark.skipif(
    "MASKLESS_DATA" not in os.environ or not REAL.is_dir(), reason="MASKLESS_DATA has no ki67_net/"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_ki67_net(tmp_path / "ki67_net", {"train": ["a", "b"], "test": ["c"]})


def test_centres_are_the_peaks_of_the_three_maps(folder: Path) -> None:
    source = Ki67Net(data_root=folder.parent)
    assert source.problems() == source.extra() == []
    assert source.offers == {Signal.IMAGE, Signal.POINTS, Signal.CLASSES}
    (item,) = source.items("test")
    sample = source.read(item, source.offers)
    np.testing.assert_array_equal(sample[Signal.IMAGE], tissue(0))
    assert sample[Signal.POINTS].tolist() == [[4, 5], [6, 9], [30, 40]]
    assert sample[Signal.POINTS].dtype == np.float32
    assert sample[Signal.CLASSES] == {0: "positive", 1: "positive", 2: "negative"}
    assert (sample.mpp, sample.power) == (0.5, 20)


def test_the_region_of_points_without_one_is_the_whole_image(folder: Path) -> None:
    source = Ki67Net(folder)
    sample = source.read(source.items("test")[0], {Signal.POINTS, Signal.REGION})
    assert sample[Signal.REGION].shape == (40, 48)
    assert sample[Signal.REGION].all()
    assert set(sample.signals) == {Signal.POINTS, Signal.REGION}


def test_neighbouring_maps_run_together_and_their_peaks_do_not(tmp_path: Path) -> None:
    centres = [(5, 5), (5, 7), (20, 20), (21, 22)]
    Image.fromarray(proximity(centres)).save(tmp_path / "map.png")
    assert sorted(map(tuple, peaks(tmp_path / "map.png", (40, 48)).tolist())) == centres


def test_the_folders_are_the_split_and_a_field_in_two_of_them_leaks(folder: Path) -> None:
    source = Ki67Net(folder)
    assert {part: [item.id for item in source.items(part)] for part in ("train", "val", "test")} == {
        "train": ["a", "b"],
        "val": [],
        "test": ["c"],
    }
    assert [item.id for item in Ki67Net(folder, split="all").items("test")] == ["a", "b", "c"]
    assert not source.splits()["official"].leaky
    again = Ki67Net(write_ki67_net(folder.parent / "again", {"train": ["PAN"], "test": ["PAN"]}))
    assert [again.items(part)[0] for part in ("train", "test")] == [
        Item("train_PAN", "PAN"),
        Item("test_PAN", "PAN"),
    ]
    assert again.splits()["official"].leaky
    assert again.problems() == []


def test_every_problem_is_listed_at_once(folder: Path) -> None:
    train, pos, neg = folder / "images/train", folder / "labels_postm", folder / "labels_negtm"
    (train / "a.png").write_bytes((train / "a.png").read_bytes()[:300])
    (pos / "train" / "a_label.png").unlink()
    Image.fromarray(proximity([(3, 3)], (9, 48))).save(pos / "train" / "b_label.png")
    Image.fromarray(proximity([(3, 3)]) // 2).save(neg / "train" / "b_label.png")
    Image.fromarray(tissue()).save(neg / "test" / "c_label.png")
    Image.fromarray(proximity([])).save(pos / "test" / "d_label.png")
    expected = [
        "a.png is cut short",
        "labels_postm/train/a_label.png does not exist",
        "labels_postm/train/b_label.png is 9 x 48 px",
        "labels_negtm/train/b_label.png never reaches 255",
        "labels_negtm/test/c_label.png holds colours",
    ]
    problems = Ki67Net(folder).problems()
    assert len(problems) == len(expected), problems
    for words, problem in zip(expected, problems, strict=True):
        assert words in problem
    (remark,) = Ki67Net(folder).extra()
    assert "d_label.png is extra" in remark


def test_a_wrong_path_says_where_it_looked_and_where_to_get_the_set(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for path, words in ((tmp_path / "absent", "no folder .*absent"), (tmp_path / "other", "holds no PNG")):
        with pytest.raises(UserError, match=f"{words}.*KiNet"):
            Ki67Net(path).items("train")
        assert len(Ki67Net(path).problems()) == 1


def test_the_configuration_builds_the_reader(folder: Path) -> None:
    spec = yaml.safe_load((Path(__file__).parents[2] / "conf/dataset/ki67_net.yaml").read_text())
    built = build(spec | {"data_root": str(folder.parent)})
    assert isinstance(built, Ki67Net)
    assert (built.path, built.split) == (folder, "official")


@with_real_data
def test_the_real_field_has_the_published_centres() -> None:
    source = Ki67Net(REAL)
    assert source.problems() == source.extra() == []
    (item,) = source.items("train")
    sample = source.read(item, source.offers)
    assert Counter(sample[Signal.CLASSES].values()) == {"positive": 66, "negative": 769, "other": 38}
    rows, columns = sample[Signal.POINTS].astype(int).T
    darkness = 255 - sample[Signal.IMAGE].mean(-1)
    positive = [k for k, word in sample[Signal.CLASSES].items() if word == "positive"]
    assert darkness[rows, columns].mean() > darkness.mean() + 20  # centres lie on nuclei
    assert darkness[rows[positive], columns[positive]].mean() > darkness[rows, columns].mean() + 20
