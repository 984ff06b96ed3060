from pathlib import Path

import numpy as np
import pytest
import yaml
from he_layouts import CONSEP_IDS, write_consep, write_mat
from layouts import nuclei, tissue
from PIL import Image

from maskless.build import build
from maskless.data.fingerprint import describe
from maskless.data.readers.consep import CLASSES, CoNSeP
from maskless.errors import UserError
from maskless.signals import Signal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_consep(tmp_path / "consep", training=3, test=2)


def test_the_official_split_has_the_published_test_part_and_validates_on_the_last_five(
    tmp_path: Path,
) -> None:
    source = CoNSeP(write_consep(tmp_path / "consep"))
    assert [item.id for item in source.items("train")] == [f"train_{n}" for n in range(1, 23)]
    assert [item.id for item in source.items("val")] == [f"train_{n}" for n in range(23, 28)]
    assert [item.id for item in source.items("test")] == [f"test_{n}" for n in range(1, 15)]
    assert len({item.group for part in ("train", "val", "test") for item in source.items(part)}) == 41
    everything = CoNSeP(source.path, split="all")
    assert len(everything.items("test")) == 41
    assert everything.items("train") == ()


def test_a_folder_consep_inside_is_looked_into(tmp_path: Path) -> None:
    write_consep(tmp_path / "CoNSeP", training=1, test=1)
    source = CoNSeP(tmp_path)
    assert source.problems() == source.extra() == []
    assert len(source.items("train")) == 1


def test_read_gives_what_is_asked_for_and_nothing_else(folder: Path) -> None:
    source = CoNSeP(data_root=folder.parent)
    item = source.items("train")[1]
    derived = {Signal.IMAGE, Signal.INSTANCES, Signal.CLASSES, Signal.MASK, Signal.POINTS}
    assert source.offers == derived
    sample = source.read(item, derived)
    np.testing.assert_array_equal(sample[Signal.IMAGE], tissue(2))
    np.testing.assert_array_equal(sample[Signal.INSTANCES], nuclei(CONSEP_IDS))
    assert sample[Signal.INSTANCES].dtype == np.int32
    assert sample[Signal.CLASSES] == {
        2: "dysplastic/malignant epithelial", 9: "other", 30: "endothelial",
    }  # fmt: skip
    assert len(sample[Signal.POINTS]) == 3
    assert (sample.mpp, sample.power) == (0.25, 40)
    for signal in (Signal.IMAGE, Signal.POINTS, Signal.CLASSES):
        assert set(source.read(item, {signal}).signals) == {signal}


def test_instances_are_read_where_classes_are_wrong(folder: Path) -> None:
    source = CoNSeP(folder)
    item = source.items("test")[0]
    write_mat(source.files(item)[1], inst_type=np.array([1, 8, 2]))
    assert source.read(item, {Signal.INSTANCES})[Signal.INSTANCES].any()
    with pytest.raises(UserError, match=r"test_1\.mat gives nucleus 9 \(entry 2 of inst_type\) the class 8"):
        source.read(item, {Signal.CLASSES})


def test_every_problem_is_listed_at_once(folder: Path) -> None:
    images, labels = folder / "Train" / "Images", folder / "Train" / "Labels"
    cut = images / "train_1.png"
    cut.write_bytes(cut.read_bytes()[:500])
    write_mat(labels / "train_1.mat", inst_map=None, instmap=nuclei(CONSEP_IDS))
    write_mat(labels / "train_2.mat", inst_map=np.where(nuclei(CONSEP_IDS) == 9, 0.5, 1))
    (labels / "train_3.mat").write_bytes(b"\x80\x04\x95pickle" * 20)
    write_mat(folder / "Test" / "Labels" / "test_1.mat", inst_map=nuclei(CONSEP_IDS, (40, 40)))
    (folder / "Test" / "Labels" / "test_2.mat").unlink()
    problems = CoNSeP(folder).problems()
    expected = [
        "train_1.png is cut short",
        "train_1.mat has no inst_map",
        "train_2.mat holds 0.5 in inst_map (row 3, column 0",
        "train_3.mat is no MAT file",
        "test_1.mat has inst_map of 40 x 40 px",
        "test_2.mat does not exist",
    ]
    assert len(problems) == len(expected)
    for words in expected:
        assert sum(words in problem for problem in problems) == 1, words


def test_files_of_no_field_and_classes_at_odds_are_remarked_on(folder: Path) -> None:
    Image.fromarray(tissue()).save(folder / "Train" / "Images" / "mean.png")
    write_mat(folder / "Test" / "Labels" / "test_7.mat")
    write_mat(folder / "Train" / "Labels" / "train_2.mat", inst_type=np.array([4, 2, 7]))
    write_mat(folder / "Train" / "Labels" / "train_3.mat", type_map=None)
    source = CoNSeP(folder)
    assert source.problems() == []
    extra = source.extra()
    assert len(extra) == 3
    for words in ("mean.png is extra", "test_7.mat is extra", "type_map gives 1 of 3 nuclei another class"):
        assert sum(words in sentence for sentence in extra) == 1, words
    assert any("train_2.mat" in sentence and "nucleus 9 for one" in sentence for sentence in extra)


def test_a_wrong_folder_says_where_to_get_the_set(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(UserError, match=f"{path}.*consep.*warwick"):
            CoNSeP(path).splits()
        assert len(CoNSeP(path).problems()) == 1


def test_every_class_has_a_name_and_the_fingerprint_names_both_files(folder: Path) -> None:
    assert list(CLASSES) == list(range(1, 8))
    assert len(set(CLASSES.values())) == 7
    before = describe(CoNSeP(folder))["sha256"]
    write_mat(folder / "Train" / "Labels" / "train_1.mat", inst_type=np.array([1, 1, 1]))
    assert describe(CoNSeP(folder))["sha256"] != before


def test_the_configuration_builds_the_reader(folder: Path) -> None:
    spec = yaml.safe_load((Path(__file__).parents[2] / "conf/dataset/consep.yaml").read_text())
    built = build(spec | {"data_root": str(folder.parent)})
    assert isinstance(built, CoNSeP)
    assert (built.path, built.split) == (folder, "official")
