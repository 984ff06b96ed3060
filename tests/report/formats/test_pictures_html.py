import base64
import dataclasses

from made_runs import predicted_run
from page_reader import Reader
from test_scored_images import table_of

from maskless.report.drawings.pictures import Picture, pictures
from maskless.report.drawings.tissue import Field
from maskless.report.formats.pictures_html import pictures_html


def shown(tmp_path, count: int = 2) -> list[Picture]:
    runs = [predicted_run(tmp_path, name, lost=lost) for name, lost in (("a", 0), ("b", 1))]
    return pictures(table_of(*runs), count)[0]


def test_pixels_and_truth_are_in_the_page_once_and_used_by_every_panel(tmp_path):
    found = shown(tmp_path, 5)
    reader = Reader(pictures_html(found, "1"))
    tissues = {one.tissue.image: one.tissue for one in found}
    assert len(found) == 2 * len(tissues)
    images = reader.all("image")
    assert [base64.b64decode((image["href"] or "").partition(",")[2]) for image in images] == [
        tissue.pixels for tissue in tissues.values()
    ]
    used = [use["href"] for use in reader.all("use")]
    for image in images:
        assert used.count(f"#{image['id']}") == 3 * 2
    drawn = [path["d"] for path in reader.all("path", class_="outline")]
    assert drawn == [tissue.truth for tissue in tissues.values()] + [one.outlines for one in found]


def test_everything_that_is_referred_to_is_there_once(tmp_path):
    reader = Reader(pictures_html(shown(tmp_path), "7"))
    ids = [attributes["id"] for _, attributes in reader.elements if attributes.get("id")]
    assert len(set(ids)) == len(ids)
    assert {use["href"] for use in reader.all("use")} <= {f"#{one}" for one in ids}
    for key in ("fill", "filter"):
        named = [a[key] for _, a in reader.elements if (a.get(key) or "").startswith("url(")]
        assert named
        assert {(one or "")[len("url(#") : -1] for one in named} <= set(ids)


def test_errors_are_three_areas_with_a_key(tmp_path):
    (one,) = shown(tmp_path, 1)[1:]
    reader = Reader(pictures_html([one], "1"))
    for kind in ("correct", "wrong", "missed"):
        swatch, area = reader.all("path", class_=kind)
        assert swatch["d"] == "M0 0h26v14h-26z"
        assert area["d"] == getattr(one, kind)
    for word in ("true positive: nucleus in both", "false positive: ", "false negative: "):
        assert word in reader.text


def test_a_picture_is_shown_in_its_field_and_enlarged_whole(tmp_path):
    one = shown(tmp_path, 1)[0]
    tissue = dataclasses.replace(one.tissue, shown=Field(3, 4, 20, 10), cut="the middle of it")
    reader = Reader(pictures_html([dataclasses.replace(one, tissue=tissue)], "1"))
    panels = reader.all("svg", class_="tissue")
    assert [panel["viewbox"] for panel in panels] == ["3 4 20 10"] * 3
    assert [panel["data-whole"] for panel in panels] == ["0 0 64 64"] * 3
    assert f"median of 5 by AJI, {one.tissue.image}, the middle of it" in reader.text
    assert all(panel["aria-label"] for panel in panels)


def test_pictures_stand_below_the_name_of_their_row(tmp_path):
    found = shown(tmp_path)
    words = Reader(pictures_html(found, "1")).text
    assert [one.row for one in found] == ["a", "a", "b", "b"]
    assert words.index("errors of a") < words.index("errors of b")
    assert words.count("errors of a") == 2
