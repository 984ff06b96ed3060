from pathlib import Path

import numpy as np
import pytest
from imagescope_files import write_annotation

from maskless.data.imagescope import microns_per_pixel, read_regions
from maskless.errors import UserError

SQUARE = [(1, 2), (4.5, 2), (4.5, 6.25), (1, 6.25)]
BOMB = """<?xml version="1.0"?>
<!DOCTYPE Annotations [<!ENTITY a "0123456789"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<Annotations><Annotation><Regions><Region Id="&b;"/></Regions></Annotation></Annotations>
"""
EXTERNAL = """<?xml version="1.0"?>
<!DOCTYPE Annotations [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<Annotations><Annotation><Regions><Region Id="1"/></Regions></Annotation></Annotations>
"""
PLAIN = "<!DOCTYPE Annotations>\n<Annotations><Region/></Annotations>"
ELSEWHERE = "<!DOCTYPE a SYSTEM 'http://localhost/x'><Annotations/>"


def test_regions_come_in_the_order_of_the_file_from_all_layers(tmp_path: Path) -> None:
    file = write_annotation(tmp_path / "a.xml", [SQUARE, [(-2.5, 1e3)]], [[], SQUARE[:2]])
    regions = read_regions(file)
    assert [len(region.vertices) for region in regions] == [4, 1, 0, 2]
    assert [region.name for region in regions] == [
        "region 1 (line 5)",
        "region 2 (line 13)",
        "region 1 (line 22)",
        "region 2 (line 26)",
    ]
    np.testing.assert_array_equal(regions[0].vertices, SQUARE)
    assert all(region.vertices.dtype == np.float64 for region in regions)
    assert all(region.vertices.shape[1] == 2 for region in regions)


def test_a_region_without_an_id_is_named_by_its_place(tmp_path: Path) -> None:
    file = tmp_path / "a.xml"
    file.write_text("<Annotations>\n<Region/>\n<Region Id='x'/></Annotations>")
    assert [region.name for region in read_regions(file)] == ["region number 1 (line 2)", "region x (line 3)"]


def test_a_file_without_regions_is_of_an_image_without_nuclei(tmp_path: Path) -> None:
    assert read_regions(write_annotation(tmp_path / "a.xml", [])) == []


@pytest.mark.parametrize("name", ["a#b.xml", "100 %25.xml", "ä, [1].xml"])
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    assert len(read_regions(write_annotation(tmp_path / name, [SQUARE]))) == 1


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_file_may_have_any_encoding_that_it_states(tmp_path: Path, encoding: str) -> None:
    file = write_annotation(tmp_path / "a.xml", [SQUARE])
    file.write_text(file.read_text().replace("UTF-8", encoding), encoding=encoding)
    np.testing.assert_array_equal(read_regions(file)[0].vertices, SQUARE)


@pytest.mark.parametrize("value", ["", "abc", "1,5", "nan", "-inf", "1e300", "0x10"])
@pytest.mark.parametrize("axis", ["X", "Y"])
def test_a_coordinate_that_is_no_number_is_named_by_file_region_and_line(
    tmp_path: Path, value: str, axis: str
) -> None:
    bad = (value, 3) if axis == "X" else (3, value)
    file = write_annotation(tmp_path / "bad.xml", [SQUARE, [(1, 1), bad, (2, 2)]])
    with pytest.raises(UserError) as error:
        read_regions(file)
    assert str(error.value) == (
        f"{file}, line 16, has a vertex of region 2 (line 13) with {axis}={value!r}, no place in an image: "
        "correct it"
    )


def test_a_vertex_without_a_coordinate_or_a_region_is_named(tmp_path: Path) -> None:
    file = tmp_path / "bad.xml"
    file.write_text('<Annotations>\n<Region Id="7">\n<Vertex X="1"/></Region></Annotations>')
    with pytest.raises(UserError, match=r"bad\.xml, line 3, .* region 7 \(line 2\) with no Y"):
        read_regions(file)
    file.write_text('<Annotations>\n<Region Id="7"/>\n<Vertex X="1" Y="1"/></Annotations>')
    with pytest.raises(UserError, match=r"bad\.xml, line 3, has a vertex outside of any region"):
        read_regions(file)


@pytest.mark.parametrize("text", [BOMB, EXTERNAL, PLAIN, ELSEWHERE])
def test_entities_and_document_types_are_refused_unread(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bomb.xml"
    file.write_text(text)
    for read in (read_regions, microns_per_pixel):
        with pytest.raises(UserError, match=r"bomb\.xml declares a document type or entities"):
            read(file)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cut short or no XML"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "cut short or no XML"),
        (b"<Annotations><Region></Annotations>", r"no XML \(line 1: mismatched tag\)"),
        (b'<?xml version="1.0" encoding="no-such"?><Annotations/>', r"no XML .*unknown encoding: no-such"),
        (b'<?xml version="1.0" encoding="gb18030"?><Annotations/>', "no XML"),
        (b"<html><Region/></html>", "no annotation of ImageScope: it begins with <html>"),
    ],
)
def test_what_is_no_annotation_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "bad.xml"
    file.write_bytes(content)
    with pytest.raises(UserError, match=rf"bad\.xml .*{words}"):
        read_regions(file)


def test_a_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    file = write_annotation(tmp_path / "cut.xml", [SQUARE, SQUARE])
    file.write_bytes(file.read_bytes()[:-60])
    with pytest.raises(UserError, match=r"cut\.xml is cut short or no XML \(line 1\d:"):
        read_regions(file)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    for read in (read_regions, microns_per_pixel):
        with pytest.raises(UserError, match=r"none\.xml does not exist"):
            read(tmp_path / "none.xml")
        with pytest.raises(UserError, match=f"{tmp_path} cannot be opened"):
            read(tmp_path)


@pytest.mark.parametrize(
    ("stated", "mpp"),
    [("0.252000", 0.252), ("0.5005", 0.5005), (None, None), ("", None), (" ", None)],
)
def test_the_pixel_spacing_is_what_is_stated(tmp_path: Path, stated: str | None, mpp: float | None) -> None:
    assert microns_per_pixel(write_annotation(tmp_path / "a.xml", [SQUARE], mpp=stated)) == mpp


@pytest.mark.parametrize("stated", ["0.000000", "0", "250", "-0.25", "nan", "x", "0,5", "0.5 um"])
def test_a_spacing_that_cannot_be_one_is_refused_by_file(tmp_path: Path, stated: str) -> None:
    file = write_annotation(tmp_path / "a.xml", [SQUARE], mpp=stated)
    with pytest.raises(UserError) as error:
        microns_per_pixel(file)
    assert str(error.value).startswith(f"{file} states MicronsPerPixel={stated!r}: mpp=")
    assert len(read_regions(file)) == 1


def test_a_negative_region_is_a_hole(tmp_path: Path) -> None:
    file = write_annotation(tmp_path / "a.xml", [SQUARE, SQUARE, SQUARE])
    text = file.read_text().replace('Id="1" Type="0"', 'Id="1" NegativeROA="0"')
    file.write_text(text.replace('Id="2" Type="0"', 'Id="2" NegativeROA="1"'))
    assert [region.hole for region in read_regions(file)] == [False, True, False]


def test_the_pixel_spacing_needs_no_more_than_the_beginning_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.xml"
    file.write_text('<Annotations MicronsPerPixel="0.25">\n<Annotation>')
    assert microns_per_pixel(file) == 0.25
