import hashlib
from pathlib import Path

import numpy as np
import pytest
from ihc_layouts import write_deepliif
from layouts import MULTIORGAN_PARTS, tissue, write_folder, write_multiorgan
from pannuke_files import write_pannuke
from PIL import Image

from maskless.data.fingerprint import describe
from maskless.data.readers.deepliif import DeepLIIF
from maskless.data.readers.folder import Folder
from maskless.data.readers.multiorgan import MultiOrgan
from maskless.data.readers.pannuke import PanNuke
from maskless.data.readers.synthetic import Synthetic
from maskless.data.readers.union import Union
from maskless.signals import Signal


def cases(path: Path) -> dict[str, str]:
    found = describe(Folder(path))["cases"]
    assert isinstance(found, dict)
    return found


def test_the_same_bytes_under_another_name_in_another_folder_are_the_same_case(tmp_path: Path) -> None:
    one = write_folder(tmp_path / "one", ["a", "b"])
    two = write_folder(tmp_path / "two", ["x", "y"], labelled=False)
    assert (cases(one)["a"], cases(one)["b"]) == (cases(two)["x"], cases(two)["y"])
    assert cases(one)["a"] != cases(one)["b"]


def test_another_image_under_the_same_name_is_another_case(tmp_path: Path) -> None:
    one, two = (write_folder(tmp_path / name, ["a"]) for name in ("one", "two"))
    assert cases(one) == cases(two)
    Image.fromarray(tissue(99)).save(two / "images" / "a.png")
    assert cases(one)["a"] != cases(two)["a"]


def test_the_case_is_of_the_image_and_not_of_its_labels(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", ["a"])
    before, whole = cases(path), describe(Folder(path))["sha256"]
    Image.fromarray(np.full((40, 48), 3, np.uint8)).save(path / "labels" / "a.png")
    assert cases(path) == before
    assert describe(Folder(path))["sha256"] != whole
    assert before["a"] == hashlib.sha256((path / "images" / "a.png").read_bytes()).hexdigest()[:16]


def test_a_folder_with_barcodes_has_the_cases_of_the_published_set(tmp_path: Path) -> None:
    published = describe(MultiOrgan(write_multiorgan(tmp_path / "multiorgan")))["cases"]
    names = MULTIORGAN_PARTS["train"]
    own = cases(write_folder(tmp_path / "own", [name.partition("_")[2] for name in names], ending=".tif"))
    assert set(own.values()) == {published[name] for name in names}
    assert own["TCGA-AA-0001-01Z-00-DX1"] == "TCGA-AA-0001-01Z-00-DX1"


def test_a_source_without_files_names_its_items(tmp_path: Path) -> None:
    about = describe(Synthetic(size_px=64, tiles={"train": 1, "test": 1}))
    assert about["cases"] == {"train-0000": "synthetic/train-0000", "test-0000": "synthetic/test-0000"}
    assert about["same_tissue"] == []


def test_multiorgan_shows_the_tissue_of_monuseg(tmp_path: Path) -> None:
    assert describe(MultiOrgan(write_multiorgan(tmp_path / "multiorgan")))["same_tissue"] == ["monuseg"]


def test_the_checksum_is_over_the_names_and_bytes_of_all_parts_and_each_file_is_hashed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = MultiOrgan(write_multiorgan(tmp_path / "multiorgan"), split="fold1")  # its test part is its val
    expected = hashlib.sha256()
    for part in ("train", "val", "test"):
        for item in source.items(part):
            expected.update(item.id.encode())
            for file in source.files(item):
                expected.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    hashed = []
    original = hashlib.file_digest

    def counted(stream, name):  # type: ignore[no-untyped-def]
        hashed.append(stream.name)
        return original(stream, name)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    assert describe(source)["sha256"] == expected.hexdigest()
    assert len(hashed) == len(set(hashed)) == 12


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read whole to be hashed."""
    names: list[str] = []
    original = hashlib.file_digest

    def told(stream, name):  # type: ignore[no-untyped-def]
        names.append(Path(stream.name).name)
        return original(stream, name)

    monkeypatch.setattr(hashlib, "file_digest", told)
    return names


@pytest.mark.parametrize("united", [False, True])
def test_a_bank_of_masks_is_known_by_its_masks(tmp_path: Path, read: list[str], united: bool) -> None:
    folder = write_pannuke(tmp_path / "pannuke", (2,))

    def about(*signals: Signal) -> dict:
        source = PanNuke(folder, split="all_train")
        return describe(Union({"pannuke": source}) if united else source, signals)

    before = about(Signal.MASK)
    assert sorted(read) == ["masks.npy", "types.npy"]
    (images,) = folder.rglob("images.npy")
    np.save(images, np.load(images) // 2)
    assert about(Signal.MASK) == before
    assert about(Signal.IMAGE)["sha256"] != about(Signal.IMAGE, Signal.MASK)["sha256"] != before["sha256"]
    (masks,) = folder.rglob("masks.npy")
    np.save(masks, np.load(masks) * 2)
    assert about(Signal.INSTANCES)["sha256"] != before["sha256"]


def test_what_a_bank_of_masks_shows_is_known_by_the_bytes_of_its_images(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", ["a"])
    assert describe(Folder(path), [Signal.MASK]) == describe(Folder(path))


def test_two_truths_of_the_same_files_are_two_fingerprints(tmp_path: Path) -> None:
    folder = write_deepliif(tmp_path / "deepliif")
    splits = ("official", "official_blobs")
    alone = [describe(DeepLIIF(folder, split=split)) for split in splits]
    united = [describe(Union({"a": DeepLIIF(folder, split=split)})) for split in splits]
    assert alone[0]["parts"] == alone[1]["parts"]
    assert alone[0]["sha256"] != alone[1]["sha256"]
    assert united[0]["sha256"] != united[1]["sha256"]
