"""What prepare says and draws of a folder of somebody else's."""

from pathlib import Path

import numpy as np
from layouts import write_folder
from PIL import Image


def test_counts_by_class_are_printed_and_drawn_and_the_rest_is_named(cli, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", ["a", "b", "c"], labelled=False)
    (folder / "points").mkdir()
    for name in "abc":
        (folder / "points" / f"{name}.csv").write_text("type,x,y\n1,30,20\n2,2,5\n2,9,9\n")
    (folder / "points" / "d.csv").write_text("type,x,y\n")
    (folder / "splits.csv").write_text("image,split\na,train\nb,val\nc,test\n")
    done = cli(
        "prepare", "dataset=folder", f"dataset.path={folder}", "dataset.points_columns={class: type}",
        "dataset.classes={1: positive, 2: negative}", f"output={tmp_path / 'out'}",
    )  # fmt: skip
    assert done.code == 0, done
    assert "split stated" in done.out
    assert done.out.count("2 negative") == done.out.count("1 positive") == 3
    assert "d.csv is extra: no image has its name" in done.out
    drawn = np.asarray(Image.open(tmp_path / "out" / "train_a.png"))
    text = drawn[40:]
    assert len(text) == 3 * 18, "3 points, 2 negative, 1 positive"
    for colour in ((0, 255, 0), (255, 0, 255)):  # the colours that the legend names
        assert (text == colour).all(axis=2).any()


def test_a_refusal_names_all_that_is_wrong(cli, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", ["a", "b"], labelled=False)
    (folder / "points").mkdir()
    swapped = "\n".join(["x,y", *(f"{k % 40},{44 if k % 2 else 30}" for k in range(30))])
    for name in "ab":
        (folder / "points" / f"{name}.csv").write_text(swapped)
    done = cli("prepare", "dataset=folder", f"dataset.path={folder}")
    assert done.code == 2
    assert done.out.count("x and y look swapped, for 15 of 30 points lie outside its image") == 2
    assert done.err.strip() == "maskless: folder has 2 problems, listed above"
