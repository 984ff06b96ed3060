"""The pixel spacing that an image file states, where it can be believed."""

import re
from collections.abc import Callable, Iterator
from math import nan
from pathlib import Path
from typing import Any

from PIL import Image

from maskless.data.ome import as_utf8, ome_pixels
from maskless.data.picture import opened, page_count, turn_to
from maskless.data.tiff import (
    DESCRIPTION,
    HEIGHT,
    RESOLUTION_UNIT,
    WIDTH,
    X_RESOLUTION,
    Y_RESOLUTION,
    first,
    full_page,
)
from maskless.spacing import is_plausible

_MOST_DIFFERENCE = 0.01  # of the two axes
#: Dots an inch are those of screens, printers and flatbed scanners too, the finest of which have 5 µm.
_FINEST_PRINTED_MPP = 5.0

_CM, _INCH = 1e4, 25_400.0  # in µm
_UM_OF_UNIT = {"nm": 1e-3, "µm": 1.0, "mm": 1e3, "cm": _CM, "m": 1e6, "in": _INCH, "inch": _INCH}
_UM_OF_UNIT |= dict.fromkeys(("um", "micron", "microns", "micrometer", "micrometre"), 1.0)
_UM_OF_TAG = {2: _INCH, 3: _CM}


def stated_mpp(path: str | Path) -> float | None:
    """The µm/px that an image file states, alike along both axes and plausible for nuclei; else None.

    From the first of these that it holds: OME-XML, Aperio's description, ImageJ's unit, the resolution of a
    TIFF in dots a cm or inch or of a PNG in dots a metre. A resolution that a screen, a printer or a flatbed
    scanner may have (72 or 300 dpi: all from 5 µm/px up) states nothing. Never raises, whatever `path` is.
    """
    try:
        path = Path(path)
        with opened(path) as picture:
            if picture.format == "TIFF" and page_count(path, picture) > 1:
                turn_to(path, picture, full_page(path))
            return believed(*next(_statements(picture), (nan, nan)))
    except Exception:  # decoders raise anything at all on a damaged file; what it states is then not known
        return None


def believed(x_um: float, y_um: float) -> float | None:
    """The width of a pixel if it is as high, to 1 %, and plausible for nuclei; else None."""
    agree = abs(x_um - y_um) <= _MOST_DIFFERENCE * x_um
    return float(x_um) if agree and is_plausible(x_um) else None


def _statements(picture: Image.Image) -> Iterator[tuple[float, float]]:
    if picture.format == "PNG" and "dpi" in picture.info:
        x, y = picture.info["dpi"]
        yield from _printed(_INCH / x, _INCH / y)
    if picture.format == "TIFF":
        yield from tiff_statements(picture.tag_v2.get)  # type: ignore[attr-defined]


def tiff_statements(tag: Callable[[int], Any]) -> Iterator[tuple[float, float]]:
    """The width and height of a pixel in µm as a TIFF page states them, the best statement first.

    `tag` gives the value of a tag by its number, a resolution as one number; None for one that is absent.
    """
    description = tag(DESCRIPTION) or ""
    yield from _of_ome(description, first(tag(WIDTH)), first(tag(HEIGHT)))
    aperio = re.match(r"Aperio.*\|\s*MPP\s*=\s*([0-9.]+)", description, re.DOTALL)
    if aperio:
        yield float(aperio[1]), float(aperio[1])
    x, y = (float(first(tag(axis)) or nan) for axis in (X_RESOLUTION, Y_RESOLUTION))
    unit = re.match(r"ImageJ=.*?^unit=([^\n]*)", description, re.MULTILINE | re.DOTALL)
    um = _UM_OF_UNIT.get(_spelt(unit[1])) if unit else _UM_OF_TAG.get(first(tag(RESOLUTION_UNIT)) or 2)
    if um is None:
        return
    if unit and um != _INCH:
        yield um / x, um / y
    else:
        yield from _printed(um / x, um / y)


def _of_ome(description: str, width: object, height: object) -> Iterator[tuple[float, float]]:
    """The physical size of the pixels of the first image of this size."""
    for pixels in ome_pixels(description):
        if (pixels.get("SizeX"), pixels.get("SizeY")) == (str(width), str(height)):
            if "PhysicalSizeX" in pixels:
                x, y = (
                    float(pixels.get(f"PhysicalSize{axis}", nan))
                    * _UM_OF_UNIT.get(_spelt(pixels.get(f"PhysicalSize{axis}Unit", "µm")), nan)
                    for axis in "XY"
                )
                yield x, y
            return


def _printed(x_um: float, y_um: float) -> Iterator[tuple[float, float]]:
    if x_um < _FINEST_PRINTED_MPP:
        yield x_um, y_um


def _spelt(unit: str) -> str:
    """A unit in one spelling: of the micro sign there are two, and ImageJ escapes it."""
    return as_utf8(unit).strip().lower().replace("\\u00b5", "µ").replace("μ", "µ")
