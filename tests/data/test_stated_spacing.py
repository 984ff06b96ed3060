import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_files import saved
from layouts import tissue

from maskless.data.images import stated_mpp

SAME_FOLDER = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
OME = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def ome(*sizes: str, head: str = "") -> str:
    """OME-XML of images of 48 x 40 px, unless an image's attributes say otherwise."""
    images = "".join(
        f'<Image ID="Image:{k}"><Pixels ID="Pixels:{k}" {size}'
        + ("" if " SizeX=" in size else ' SizeX="48" SizeY="40"')
        + "/></Image>"
        for k, size in enumerate(sizes)
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>{head}<OME xmlns="{OME}">{images}</OME>'


def tiff(file: Path, **options: Any) -> Path:
    """A TIFF of 48 x 40 px; options as for `tifffile.imwrite`."""
    tifffile.imwrite(file, tissue(), photometric="rgb", **{"metadata": None} | options)
    return file


def described(file: Path, description: str, **options: Any) -> Path:
    return tiff(file, extratags=[(270, "s", 0, description.encode(), True)], **options)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ('PhysicalSizeX="0.25" PhysicalSizeY="0.25"', 0.25),
        ('PhysicalSizeX="0.25" PhysicalSizeXUnit="µm" PhysicalSizeY="0.2501" PhysicalSizeYUnit="µm"', 0.25),
        ('PhysicalSizeX="250" PhysicalSizeXUnit="nm" PhysicalSizeY="0.25"', 0.25),
        ('PhysicalSizeX="2.5e-4" PhysicalSizeXUnit="mm" PhysicalSizeY="0.25" PhysicalSizeYUnit="um"', 0.25),
        ('PhysicalSizeX="0.25"', None),
        ('PhysicalSizeX="0.25" PhysicalSizeY="0.26"', None),
        ('PhysicalSizeX="0" PhysicalSizeY="0"', None),
        ('PhysicalSizeX="-0.25" PhysicalSizeY="-0.25"', None),
        ('PhysicalSizeX="nan" PhysicalSizeY="nan"', None),
        ('PhysicalSizeX="inf" PhysicalSizeY="inf"', None),
        ('PhysicalSizeX="fine" PhysicalSizeY="fine"', None),
        ('PhysicalSizeX="250" PhysicalSizeY="250"', None),
        ('PhysicalSizeX="1" PhysicalSizeXUnit="pixel" PhysicalSizeY="1" PhysicalSizeYUnit="pixel"', None),
        ('PhysicalSizeX="0.25" PhysicalSizeY="0.25" SizeX="96" SizeY="80"', None),
    ],
)
def test_ome_xml(tmp_path: Path, size: str, expected: float | None) -> None:
    found = stated_mpp(described(tmp_path / "a.tif", ome(size)))
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-9))


def test_of_several_ome_images_the_one_of_this_size_speaks(tmp_path: Path) -> None:
    label = 'PhysicalSizeX="9" PhysicalSizeY="9" SizeX="7" SizeY="5"'
    file = described(tmp_path / "a.tif", ome(label, 'PhysicalSizeX="0.5" PhysicalSizeY="0.5"'))
    assert stated_mpp(file) == 0.5


def test_ome_as_tifffile_writes_it(tmp_path: Path) -> None:
    metadata = {"axes": "YXS", "PhysicalSizeX": 0.2, "PhysicalSizeXUnit": "µm"} | {
        "PhysicalSizeY": 0.2,
        "PhysicalSizeYUnit": "µm",
    }
    tifffile.imwrite(tmp_path / "a.ome.tif", tissue(), photometric="rgb", metadata=metadata)
    assert stated_mpp(tmp_path / "a.ome.tif") == 0.2


def test_hostile_or_damaged_xml_states_nothing(tmp_path: Path) -> None:
    whole = ome('PhysicalSizeX="&a;" PhysicalSizeY="&a;"', head='<!DOCTYPE x [<!ENTITY a "0.25">]>')
    size = 'PhysicalSizeX="0.25" PhysicalSizeY="0.25"'
    outside = ome(size, head="<!DOCTYPE x SYSTEM 'y'>")
    for text in (whole, ome(size)[:-9], ome(size) + "<more/>", "<OME", outside):
        assert stated_mpp(described(tmp_path / "a.tif", text)) is None


@pytest.mark.parametrize("unit", ["micron", "um", "µm", "\\u00B5m", "μm", "microns", "Micron"])
def test_imagej_in_micrometres(tmp_path: Path, unit: str) -> None:
    file = described(tmp_path / "a.tif", f"ImageJ=1.53t\nunit={unit}\nloop=false\n", resolution=(2.0, 2.0))
    assert stated_mpp(file) == 0.5


@pytest.mark.parametrize(
    ("unit", "per_unit", "expected"),
    [
        ("nm", 0.004, 0.25),
        ("mm", 4000, 0.25),
        ("cm", 40_000, 0.25),
        ("inch", 101_600, 0.25),
        ("inch", 2400, None),
        ("inch", 300, None),
        ("pixel", 4, None),
        ("", 4, None),
        ("micron", 0.004, None),
    ],
)
def test_imagej_in_other_units(tmp_path: Path, unit: str, per_unit: float, expected: float | None) -> None:
    options = {"resolution": (per_unit, per_unit), "resolutionunit": 3}
    found = stated_mpp(described(tmp_path / "a.tif", f"ImageJ=1.53t\nunit={unit}\n", **options))
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-6))


def test_imagej_as_tifffile_writes_it(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", tissue(), imagej=True, resolution=(4, 4), metadata={"unit": "um", "axes": "YXS"}
    )
    assert stated_mpp(tmp_path / "a.tif") == 0.25


def test_aperio(tmp_path: Path) -> None:
    text = "Aperio Image Library v11.2.1\n48x40 (256x256) JPEG/RGB Q=70|AppMag = 40|MPP = 0.2520|Left = 25.6"
    assert stated_mpp(described(tmp_path / "a.tif", text)) == 0.252
    assert stated_mpp(described(tmp_path / "b.tif", text.replace("0.2520", "0.2.5"))) is None
    assert stated_mpp(described(tmp_path / "c.tif", text.replace("Aperio", "Someone"))) is None


@pytest.mark.parametrize(
    ("per_unit", "unit", "expected"),
    [
        (40_000, "centimeter", 0.25),
        (50_800, "inch", 0.5),
        (72, "inch", None),
        (96, "inch", None),
        (300, "inch", None),
        (4800, "inch", None),
        (118, "centimeter", None),
        (40_000, "none", None),
        (2**31, "centimeter", None),
    ],
)
def test_the_resolution_of_a_tiff(tmp_path: Path, per_unit: int, unit: str, expected: float | None) -> None:
    options = {"resolution": (per_unit, per_unit), "resolutionunit": unit}
    assert stated_mpp(tiff(tmp_path / "a.tif", **options)) == expected
    assert stated_mpp(tiff(tmp_path / "lzw.tif", compression="zlib", bigtiff=True, **options)) == expected


def test_pixels_that_are_not_square_state_nothing(tmp_path: Path) -> None:
    for across, down, expected in ((40_000, 40_200, 0.25), (40_000, 41_000, None), (40_000, 0, None)):
        options = {"resolution": ((across, 1), (down, 1)), "resolutionunit": "centimeter"}
        assert stated_mpp(tiff(tmp_path / "a.tif", **options)) == expected


def test_the_full_image_of_a_pyramid_speaks(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for step, kind in ((2, 1), (1, 0)):
            resolution = (40_000 // step, 40_000 // step)
            options = {"subfiletype": kind, "resolution": resolution, "resolutionunit": "centimeter"}
            file.write(tissue()[::step, ::step], photometric="rgb", metadata=None, **options)
    assert stated_mpp(tmp_path / "a.tif") == 0.25


def test_the_resolution_of_a_png(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    for dpi, expected in ((101_600, 0.25), (50_800, 0.5), (72, None), (300, None), (2540, None), (0, None)):
        found = stated_mpp(saved(file, tissue(), dpi=(dpi, dpi)))
        assert found == (None if expected is None else pytest.approx(expected, rel=1e-6))
    assert stated_mpp(saved(file, tissue(), dpi=(101_600, 50_800))) is None


def test_what_states_nothing(tmp_path: Path) -> None:
    (tmp_path / "text.tif").write_text("no pixels here")
    (tmp_path / "folder.tif").mkdir()
    saved(tmp_path / "a.png", tissue())
    saved(tmp_path / "a.jpg", tissue(), dpi=(50_800, 50_800))
    saved(tmp_path / "a.bmp", tissue())
    tiff(tmp_path / "plain.tif")
    tifffile.imwrite(tmp_path / "pages.tif", np.stack([tissue()] * 3), photometric="rgb")
    for file in (*tmp_path.iterdir(), tmp_path / "absent.tif"):
        assert stated_mpp(file) is None


@given(damage=st.binary(min_size=1, max_size=40), at=st.integers(0, 2000))
@SAME_FOLDER
def test_nonsense_never_raises(tmp_path: Path, damage: bytes, at: int) -> None:
    text = ome('PhysicalSizeX="0.25" PhysicalSizeY="0.25"')
    whole = described(tmp_path / "a.tif", text, resolution=(4, 4), resolutionunit="centimeter")
    content = bytearray(whole.read_bytes())
    at %= len(content)
    content[at : at + len(damage)] = damage
    whole.write_bytes(content)
    found = stated_mpp(whole)
    assert found is None or 0.02 <= found <= 20


MONUSEG = Path(os.environ.get("MASKLESS_DATA", "nowhere")) / "monuseg"


@pytest.mark.skipif(not MONUSEG.is_dir(), reason="needs MASKLESS_DATA with monuseg")
def test_the_challenge_s_tiffs_state_nothing() -> None:
    assert [stated_mpp(file) for file in (MONUSEG / "Tissue Images").glob("*.tif")] == [None] * 4
