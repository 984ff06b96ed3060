from pathlib import Path

import numpy as np
import pytest
from ihc_layouts import write_ki67_breast, write_ki67_net
from layouts import nuclei, write_folder
from PIL import Image

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


def test_what_lies_outside_a_region_is_counted_by_itself(tmp_path: Path) -> None:
    """As metrics take it: a nucleus lies where its centroid does, a point in its pixel."""
    for kind in ("labels", "points"):
        folder = write_folder(tmp_path / kind, ["a"], labelled=False)
        for sub in (kind, "regions"):
            (folder / sub).mkdir()
        region = np.zeros((40, 48), np.uint8)
        region[:, 8:] = 255  # of the nuclei at columns 0 to 4, 6 to 10, 12 to 16 the second half
        Image.fromarray(region).save(folder / "regions" / "a.png")
    Image.fromarray(nuclei((1, 2, 7)).astype(np.uint8)).save(tmp_path / "labels" / "labels" / "a.png")
    rows = ["x,y,class", "2,3,tumour", "7.4,3,stroma", "7.6,3,stroma", "30,3,stroma", "0,0,other"]
    (tmp_path / "points" / "points" / "a.csv").write_text("\n".join(rows))
    for kind, expected in (
        ("labels", (2, 1, {})),
        ("points", (2, 3, {"stroma": 2, "tumour": 0, "other": 0})),
    ):
        source = Folder(tmp_path / kind, fractions={"test": 1})
        found = census(source, source.items("test"))
        assert (found.nuclei, found.outside, dict(found.classes)) == expected
