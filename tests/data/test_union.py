"""Several sources in one role: every image once, and nothing offered that one of them lacks."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from bcdata_files import write_bcdata
from ihc_layouts import write_deepliif, write_ki67_breast
from layouts import MULTIORGAN_PARTS, write_folder, write_multiorgan

from maskless.build import build
from maskless.data.census import census
from maskless.data.fingerprint import describe
from maskless.data.readers.bcdata import BCData
from maskless.data.readers.deepliif import DeepLIIF
from maskless.data.readers.folder import Folder
from maskless.data.readers.ki67_breast import Ki67Breast
from maskless.data.readers.multiorgan import MultiOrgan
from maskless.data.readers.synthetic import Synthetic
from maskless.data.readers.union import Union
from maskless.data.scale import training_spacing
from maskless.errors import UserError
from maskless.signals import Item, Signal

CONF = Path(__file__).parents[2] / "conf/dataset/ki67_unlabelled.yaml"
REAL = Path(os.environ.get("MASKLESS_DATA", ""))
with_real_data = pytest.mark.skipif(
    "MASKLESS_DATA" not in os.environ or not (REAL / "deepliif/large").is_dir(),
    reason="MASKLESS_DATA has no deepliif/large/",
)


def rendered(seed: int, **others: Any) -> Synthetic:
    return Synthetic(size_px=32, tiles={"train": 2, "val": 1}, seed=seed, **others)


def test_two_sources_are_one_with_every_image_of_both() -> None:
    first, second = rendered(0), rendered(1, stain="ki67")
    both = Union({"he": first, "ki67": second})
    assert [item.id for item in both.items("train")] == [
        "he-train-0000", "he-train-0001", "ki67-train-0000", "ki67-train-0001",
    ]  # fmt: skip
    assert [item.id for item in both.items("val")] == ["he-val-0000", "ki67-val-0000"]
    assert both.items("test") == ()
    assert both.offers == first.offers
    for item in (item for part in ("train", "val") for item in both.items(part)):
        name, _, own = item.id.partition("-")
        sample = both.read(item, both.offers)
        expected = both.sources[name].read(Item(own, own), both.offers)
        assert sample.item == item
        assert (sample.mpp, sample.power) == (expected.mpp, expected.power) == (0.25, 40)
        np.testing.assert_array_equal(sample[Signal.IMAGE], expected[Signal.IMAGE])
        np.testing.assert_array_equal(sample[Signal.INSTANCES], expected[Signal.INSTANCES])
        assert set(sample.signals) == both.offers
    assert both.problems() == both.extra() == []
    assert not both.splits()["official"].leaky
    assert (both.name, both.split, both.place) == ("he+ki67", "official", None)


def test_what_all_have_alike_is_the_unions_own() -> None:
    assert (Union({"a": rendered(0), "b": rendered(1)}).mpp, Union({"a": rendered(0)}).power) == (0.25, 40)
    mixed = Union({"a": rendered(0), "b": rendered(1, power=20.0)})
    assert (mixed.mpp, mixed.power) == (None, None)
    assert [mixed.read(item, ()).mpp for item in mixed.items("train")] == [0.25, 0.25, 0.5, 0.5]
    assert training_spacing(mixed) == 0.25
    assert mixed.rendered
    assert not Union({"a": rendered(0), "b": rendered(1, drawn=True)}).rendered


def test_rendered_tissue_and_a_folder(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", ["p1_a", "p1_b"], labelled=False)
    folder = Folder(path, power=20, group="(.*)_", fractions={"train": 1, "val": 0, "test": 0})
    both = Union({"mine": folder, "rendered": rendered(0)})
    assert both.offers == {Signal.IMAGE}
    assert [item.id for item in both.items("train")] == [
        "mine-p1_a", "mine-p1_b", "rendered-train-0000", "rendered-train-0001",
    ]  # fmt: skip
    assert [item.group for item in both.items("train")][:2] == ["mine-p1"] * 2
    assert both.files(both.items("train")[0]) == [path / "images" / "p1_a.png"]
    assert both.files(both.items("train")[2]) == []
    assert (both.place, both.split) == (str(path), "random+official")
    assert both.licence == "mine: that of your images; rendered: Apache-2.0 (rendered by maskless itself)"
    assert "mine: Put your images" in both.how_to_get
    assert both.same_tissue == ("folder", "synthetic")
    counted = census(both, both.items("train"))
    assert (counted.images, counted.nuclei, counted.mpps) == (4, None, {0.25, 0.5})
    assert counted.patients == {"mine-p1", "rendered-train-0000", "rendered-train-0001"}
    (path / "images" / "p1_a.png").write_bytes(b"")
    (path / "labels").mkdir()
    fresh = Union({"mine": Folder(path, group="(.*)_"), "rendered": rendered(0)})
    assert len(fresh.problems()) == 3
    assert all(problem.startswith("mine: ") for problem in fresh.problems())


def test_its_fingerprint_knows_the_files_of_its_sources(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", ["a", "b"], labelled=False)
    everything = {"train": 1.0, "val": 0.0, "test": 0.0}
    alone = describe(Folder(path, fractions=everything))
    about = describe(Union({"mine": Folder(path, fractions=everything), "rendered": rendered(0)}))
    assert about["cases"]["mine-a"] == alone["cases"]["a"]
    assert about["parts"]["train"] == ["mine-a", "mine-b", "rendered-train-0000", "rendered-train-0001"]
    assert about["same_tissue"] == ["folder", "synthetic"]
    other = describe(Union({"mine": Folder(path, fractions=everything), "rendered": rendered(7)}))
    assert other["sha256"] != about["sha256"]
    (path / "images" / "a.png").write_bytes((path / "images" / "b.png").read_bytes())
    changed = describe(Union({"mine": Folder(path, fractions=everything), "rendered": rendered(0)}))
    assert changed["sha256"] != about["sha256"]


def test_annotation_of_some_comes_with_its_region_and_everywhere_in_the_others(tmp_path: Path) -> None:
    """Without the region, tissue that nobody has looked at would be learnt from as background."""
    breast = Ki67Breast(write_ki67_breast(tmp_path / "ki67_breast", {4: 1, 6: 1}))
    bcdata = BCData(write_bcdata(tmp_path / "bcdata", {"train": ["0"]}))
    both = Union({"breast": breast, "bcdata": bcdata})
    assert both.offers == {Signal.IMAGE, Signal.POINTS, Signal.CLASSES, Signal.REGION}
    shares = [float(both.read(item, both.offers)[Signal.REGION].mean()) for item in both.items("train")]
    assert shares == [30 / 48, 30 / 48, 1]


def test_classes_by_id_and_by_point_are_not_mixed(tmp_path: Path) -> None:
    deepliif = DeepLIIF(write_deepliif(tmp_path / "deepliif"))
    bcdata = BCData(write_bcdata(tmp_path / "bcdata", {"train": ["0"]}))
    assert Union({"a": deepliif, "b": bcdata}).offers == {Signal.IMAGE, Signal.POINTS}
    assert Signal.CLASSES in Union({"a": deepliif, "b": deepliif}).offers


def test_parts_of_a_part_are_joined_and_tissue_in_two_sources_leaks(tmp_path: Path) -> None:
    organs = MultiOrgan(write_multiorgan(tmp_path / "multiorgan"))
    known = MULTIORGAN_PARTS["testA"][0].partition("_")[2]
    same = Folder(write_folder(tmp_path / "set", [known, "new"]), fractions={"train": 1, "val": 0, "test": 0})
    both = Union({"organs": organs, "mine": same})
    split = both.splits()[both.split]
    assert {"testA", "testB"} <= set(split.parts)
    assert split.leaky
    shared = [item for items in split.parts.values() for item in items if item.group == known]
    assert {item.id for item in shared} == {f"organs-{MULTIORGAN_PARTS['testA'][0]}", f"mine-{known}"}
    assert {item.case for item in shared} == {known}
    assert not Union({"organs": organs, "rendered": rendered(0)}).splits()["official"].leaky
    assert both.same_tissue == ("multiorgan", "monuseg", "folder")


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ({}, "union needs sources"),
        ({"a": "multiorgan"}, "union's a is no source"),
        ({"a-b": rendered(0)}, "'a-b' is no name"),
        ({"a/b": rendered(0)}, "'a/b' is no name"),
    ],
)
def test_unusable_sources_are_refused(sources: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Union(sources)


def test_an_image_of_no_source_is_refused() -> None:
    both = Union({"a": rendered(0)})
    for name in ("b-train-0000", "a-train-0009", "train-0000"):
        with pytest.raises(UserError, match=f"has no image '{name}'"):
            both.read(Item(name, name), [Signal.IMAGE])


def test_a_split_that_is_not_there_is_named() -> None:
    source = rendered(0)
    source.split = "oficial"
    with pytest.raises(UserError, match="synthetic has no split 'oficial'"):
        Union({"a": source}).items("train")


def configured(root: Path) -> Union:
    spec = yaml.safe_load(CONF.read_text().replace("${data_root}", str(root)))
    built = build(spec)
    assert isinstance(built, Union)
    return built


def test_the_configuration_has_every_unlabelled_image_in_its_training_part(tmp_path: Path) -> None:
    write_ki67_breast(tmp_path / "ki67_breast", {3: 1, 4: 1, 5: 1, 14: 0.5})
    write_folder(tmp_path / "deepliif" / "large" / "x", ["ROI_1", "ROI_7"], labelled=False)
    for file in (tmp_path / "deepliif/large/x/images").iterdir():
        file.rename(tmp_path / "deepliif/large" / file.name)
    source = configured(tmp_path)
    assert source.problems() == []
    assert source.offers == {Signal.IMAGE}
    assert [item.id for item in source.items("train")] == [
        *(f"ki67_breast-field_{k}" for k in (3, 4, 5, 14)), "deepliif_large-ROI_1", "deepliif_large-ROI_7",
    ]  # fmt: skip
    assert source.items("val") == source.items("test") == ()
    spacings = [source.read(item, [Signal.IMAGE]).mpp for item in source.items("train")]
    assert spacings == [0.25, 0.25, 0.25, 0.5, 0.25, 0.25]
    assert (source.mpp, training_spacing(source)) == (None, 0.25)
    assert not source.rendered
    assert source.licence.startswith("ki67_breast: none stated")
    assert source.licence.endswith("deepliif_large: Apache 2.0 with Commons Clause (not for sale)")


@with_real_data
def test_the_real_unlabelled_images() -> None:
    source = configured(REAL)
    assert len(source.items("train")) == 28 + 3
    sample = source.read(source.items("train")[-1], [Signal.IMAGE])
    assert min(sample[Signal.IMAGE].shape[:2]) > 700
    assert sample.mpp == 0.25
