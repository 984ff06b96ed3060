from pathlib import Path

import pytest
from ihc_layouts import write_ki67_breast, write_ki67_net
from layouts import write_folder

from maskless.data.census import census
from maskless.data.readers.folder import Folder
from maskless.data.readers.ki67_breast import Ki67Breast
from maskless.data.readers.ki67_net import Ki67Net
from maskless.data.readers.synthetic import Synthetic


def test_points_are_counted_by_class_with_regions_and_scales(tmp_path: Path) -> None:
    source = Ki67Breast(write_ki67_breast(tmp_path, {3: 1, 6: 1, 14: 0.5}))
    found = census(source, source.items("test"))
    assert (found.images, len(found.patients), found.nuclei) == (2, 2, 10)
    assert found.classes == {"positive": 6, "negative": 4}
    assert (found.mpps, found.powers) == ({0.25, 0.5}, {None})
    assert found.sizes == {(40, 48)}
    assert found.annotated_px / found.all_px == pytest.approx(30 / 48)


def test_points_without_a_region_are_annotated_everywhere(tmp_path: Path) -> None:
    source = Ki67Net(write_ki67_net(tmp_path, {"train": ["a", "b"]}))
    found = census(source, source.items("train"))
    assert (found.nuclei, found.classes) == (6, {"positive": 4, "negative": 2})
    assert found.annotated_px == found.all_px == 2 * 40 * 48
    assert found.powers == {20}


def test_nuclei_are_ids_where_there_are_ids_and_unknown_where_there_is_nothing(tmp_path: Path) -> None:
    labelled = Folder(write_folder(tmp_path / "labelled", ["a", "b", "c"]))
    items = [item for part in ("train", "val", "test") for item in labelled.items(part)]
    assert census(labelled, items).nuclei == 9
    assert not census(labelled, items).classes
    bare = Folder(write_folder(tmp_path / "bare", ["a"], labelled=False), fractions={"test": 1})
    assert census(bare, bare.items("test")).nuclei is None
    assert census(labelled, ()).nuclei == 0


def test_rendered_tissue_has_a_class_a_nucleus() -> None:
    source = Synthetic(stain="ki67", size_px=96, tiles={"train": 2, "val": 0, "test": 0})
    found = census(source, source.items("train"))
    assert found.nuclei == sum(found.classes.values()) > 0
    assert set(found.classes) <= {"positive", "negative"}
