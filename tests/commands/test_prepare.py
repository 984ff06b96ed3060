"""What prepare says of sources of every kind, and what it draws."""

from pathlib import Path

import numpy as np
from her2_layout import drawn, write_warwick_her2
from ihc_layouts import write_deepliif, write_drawings, write_ki67_breast, write_ki67_net
from layouts import write_folder
from PIL import Image


def rows(out: str) -> dict[str, str]:
    """The lines of each part in the table, by its name."""
    found: dict[str, str] = {}
    part = ""
    for line in out.splitlines():
        words = line.split()
        if words and words[0] in ("train", "val", "test"):
            part = words[0]
        if part and words:
            found[part] = f"{found.get(part, '')} {' '.join(words)}"
    return found


def test_points_are_counted_by_class_and_regions_by_share(cli, tmp_path: Path) -> None:
    write_ki67_breast(tmp_path / "ki67_breast", {3: 1, 6: 1, 14: 0.5})
    done = cli("prepare", "dataset=ki67_breast", f"data_root={tmp_path}")
    assert done.code == 0
    assert "points" in done.out.splitlines()[2]
    of = rows(done.out)
    for words in ("test 2 2 10 40x48 unknown 0.25, 0.5", "4 negative 62% annotated", "6 positive"):
        assert words in of["test"]
    assert of["val"].startswith(" val 0 0 0")
    assert "note: 'fixed' is 16 / 4 / 8 fields with field_4" in done.out
    assert "licence: none stated" in done.out


def test_nuclei_are_counted_by_class(cli, tmp_path: Path) -> None:
    write_deepliif(tmp_path / "deepliif")
    done = cli("prepare", "dataset=deepliif", f"data_root={tmp_path}")
    assert done.code == 0
    assert "nuclei" in done.out.splitlines()[2]
    of = rows(done.out)
    assert of["train"].startswith(" train 3 3 9 64x64 40x 0.25")
    assert "6 negative 3 positive" in of["train"]


def test_the_split_that_leaks_says_so(cli, tmp_path: Path) -> None:
    write_ki67_net(tmp_path / "ki67_net", {"train": ["PAN"], "test": ["PAN"]})
    done = cli("prepare", "dataset=ki67_net", f"data_root={tmp_path}")
    assert "leaky: a patient stands in more than one part" in done.out.splitlines()[0]
    assert "test 1 1 3 40x48 20x 0.5" in rows(done.out)["test"]


def test_sizes_are_ordered_by_their_area(cli, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for k, (height, width) in enumerate([(100, 20), (30, 40), (9, 200), (80, 80)]):
        Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(tmp_path / "images" / f"{k}.png")
    shares = [f"dataset.fractions.{part}={share}" for part, share in (("train", 0), ("val", 0), ("test", 1))]
    done = cli("prepare", "dataset=folder", f"dataset.path={tmp_path}", *shares)
    assert "test 4 4 unknown 30x40 unknown unknown to 80x80" in rows(done.out)["test"]


def test_the_first_images_of_each_part_are_drawn(cli, tmp_path: Path) -> None:
    path = write_drawings(write_folder(tmp_path / "set", [f"image {k}" for k in range(12)], labelled=False))
    output = tmp_path / "new folder" / "drawn"
    done = cli("prepare", "dataset=folder", f"dataset.path={path}", f"output={output}")
    assert done.code == 0
    assert f"drawn: 9 images with their truth in {output} (stroma green, tumour magenta)" in done.out
    of = rows(done.out)
    assert "2 stroma" in of["test"]
    assert "0 tumour" in of["test"]
    assert "(2 outside)" in of["test"], "the region ends before them"
    names = sorted(file.name for file in output.iterdir())
    assert [sum(name.startswith(part) for name in names) for part in ("train", "val", "test")] == [4, 3, 2]
    for name in names:
        picture = np.asarray(Image.open(output / name))
        assert tuple(picture[30, 40]) == (0, 255, 0)
        assert tuple(picture[5, 2]) == (255, 0, 255)


def test_nothing_is_drawn_of_a_source_with_problems_or_unasked(cli, refusal, tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", ["a", "b"])
    before = sorted(tmp_path.rglob("*"))
    assert cli("prepare", "dataset=folder", f"dataset.path={path}").code == 0
    assert sorted(tmp_path.rglob("*")) == before
    (path / "labels" / "a.png").unlink()
    assert cli("prepare", "dataset=folder", f"dataset.path={path}", f"output={tmp_path / 'out'}").code == 2
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_refused(cli, tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", ["a"])
    (tmp_path / "file").touch()
    done = cli("prepare", "dataset=folder", f"dataset.path={path}", f"output={tmp_path / 'file' / 'out'}")
    assert done.code == 2
    assert "choose another folder" in done.err


def test_methods_that_need_instances_refuse_points(refusal, tmp_path: Path) -> None:
    write_ki67_breast(tmp_path / "ki67_breast", {3: 1, 4: 1, 5: 1})
    where = ("dataset=ki67_breast", f"data_root={tmp_path}")
    said = refusal("train", "method=supervised", *where)
    assert "method supervised needs instances from its main source, and ki67_breast" in said


def test_patches_without_nuclei_and_with_them_are_counted_and_drawn(cli, tmp_path: Path) -> None:
    path = write_warwick_her2(tmp_path / "her2")
    done = cli("prepare", "dataset=warwick_her2", f"dataset.path={path}", f"output={tmp_path / 'drawn'}")
    assert done.code == 0, done.err
    of = rows(done.out)
    assert of["train"].startswith(" train 3 2 0 64x64 40x 0.25")
    assert of["test"].startswith(" test 3 2 6 32x40 40x 0.25")
    assert "note:" not in done.out
    assert len(list((tmp_path / "drawn").iterdir())) == 6


def test_masks_without_images_are_counted_and_drawn_on_black(cli, tmp_path: Path) -> None:
    path = write_warwick_her2(tmp_path / "her2", ("test_masks",))
    words = ["dataset=warwick_her2", f"dataset.path={path}", "dataset.split=all_train"]
    done = cli("prepare", *words, f"output={tmp_path / 'drawn'}")
    assert done.code == 0, done.err
    assert rows(done.out)["train"].startswith(" train 3 2 6 32x40 40x 0.25")
    assert "note:" in done.out
    assert "owners' permission" in done.out
    with_caption = np.asarray(Image.open(tmp_path / "drawn" / "train_02-roi_0.png"))
    picture = with_caption[:32, :40]
    outline = (picture == (0, 255, 0)).all(-1)
    assert outline.any()
    assert not picture[~outline].any()
    assert drawn()[outline].any()
