"""Annotations of Aperio ImageScope (XML): outlines drawn around nuclei, and the slide's pixel spacing."""

from contextlib import suppress
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path
from typing import NoReturn
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

import defusedxml.sax
import numpy as np
from defusedxml import DefusedXmlException
from numpy.typing import NDArray

from maskless.errors import UserError
from maskless.spacing import spacing_of

_ROOT = "Annotations"
_FARTHEST_PX = 1e7  # no slide is as wide


@dataclass(frozen=True)
class Region:
    """One outline, in the order of its file.

    `name` is for messages, 'region 17 (line 203)' by its Id. `vertices` are float64 (N, 2), (x, y) in px from
    the top left corner of the image, x to the right; N may be anything from 0. `hole` is true for what the
    file calls a negative region: its pixels are none of what it lies on. `layer` is the name of the layer
    that it is drawn in, if that has one.
    """

    name: str
    vertices: NDArray[np.float64]
    hole: bool = False
    layer: str = ""


def read_regions(path: Path) -> list[Region]:
    """All regions of all layers, in the order of the file. Their vertices may lie outside the image.

    A file without regions is of an image without nuclei. Raises UserError naming file and line for what is no
    ImageScope annotation: a file that is missing, cut short or malformed, one that declares a document type
    (as files do that mean harm; nothing is fetched or expanded), and a vertex whose X or Y is no number.
    """
    handler = _Regions(path)
    _parse(path, handler)
    return [
        Region(f"region {name} (line {line})", np.asarray(vertices, np.float64).reshape(-1, 2), hole, layer)
        for name, line, vertices, hole, layer in handler.found
    ]


def microns_per_pixel(path: Path) -> float | None:
    """The pixel spacing in µm/px that the file states, None if that is absent or empty.

    Reads no further than the root element. Raises UserError as `read_regions` does, and for what is stated
    but is no plausible spacing: 0, 250, '0,5'.
    """
    handler = _Root(path)
    with suppress(_Enough):
        _parse(path, handler)
    return handler.mpp


class _Enough(Exception):
    """No error: the rest of the file is of no interest."""


class _Root(ContentHandler):
    """Looks at the root element. (The names of its methods are SAX's.)"""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.mpp: float | None = None

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        _check_root(self.path, name)
        stated = attrs.get("MicronsPerPixel") or ""
        if stated.strip():
            number = _number(stated)
            try:
                self.mpp = spacing_of(nan if number is None else number)
            except UserError as error:
                raise UserError(f"{self.path} states MicronsPerPixel={stated!r}: {error}") from error
        raise _Enough


class _Regions(ContentHandler):
    """Gathers the regions: name, line and vertices of each, whether it is a hole, and its layer."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.found: list[tuple[str, int, list[tuple[float, float]], bool, str]] = []
        self.root = self.layer = ""
        self.inside = False
        self.locator: Locator | None = None

    def setDocumentLocator(self, locator: Locator) -> None:  # noqa: N802
        self.locator = locator

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        if not self.root:
            _check_root(self.path, name)
            self.root = name
        if name == "Annotation":
            self.layer = (attrs.get("Name") or "").strip()
        elif name == "Vertex":
            self._vertex(attrs)
        elif name == "Region":
            region = attrs.get("Id") or f"number {len(self.found) + 1}"
            hole = attrs.get("NegativeROA") == "1"
            self.found.append((region, self._line(), [], hole, self.layer))
            self.inside = True

    def endElement(self, name: str) -> None:  # noqa: N802
        self.inside = self.inside and name != "Region"

    def _vertex(self, attrs: AttributesImpl) -> None:
        if not self.inside:
            self._refuse("has a vertex outside of any region")
        name, line, vertices, *_ = self.found[-1]
        point = _number(attrs.get("X")), _number(attrs.get("Y"))
        for axis, value in zip("XY", point, strict=True):
            if value is None or abs(value) > _FARTHEST_PX:
                stated = f"{axis}={attrs[axis]!r}, no place in an image" if axis in attrs else f"no {axis}"
                self._refuse(f"has a vertex of region {name} (line {line}) with {stated}")
        vertices.append(point)  # type: ignore[arg-type]  # no None is left

    def _refuse(self, what: str) -> NoReturn:
        raise UserError(f"{self.path}, line {self._line()}, {what}: correct it")

    def _line(self) -> int:
        return (self.locator.getLineNumber() if self.locator else None) or 0


def _parse(path: Path, handler: ContentHandler) -> None:
    """Read a file through a handler, with declarations refused. Every failure names the file."""
    try:
        with path.open("rb") as stream:  # by its name, a parser might take it for an address
            defusedxml.sax.parse(stream, handler, forbid_dtd=True)
    except DefusedXmlException as error:
        raise UserError(
            f"{path} declares a document type or entities, which no annotation needs and which can be used "
            "for attacks: it is not read"
        ) from error
    except SAXParseException as error:
        raise UserError(
            f"{path} is cut short or no XML (line {error.getLineNumber()}: {error.getMessage()}): get it "
            "again"
        ) from error
    except (LookupError, ValueError) as error:  # an encoding that there is not, or that is not for XML
        raise UserError(f"{path} is no XML that can be read ({error}): get it again") from error
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist") from error
    except OSError as error:
        raise UserError(f"{path} cannot be opened: {error.strerror}") from error


def _check_root(path: Path, name: str) -> None:
    if name != _ROOT:
        raise UserError(f"{path} is no annotation of ImageScope: it begins with <{name}>, not <{_ROOT}>")


def _number(text: str | None) -> float | None:
    """A finite number as it is written, None if it is none."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if isfinite(value) else None
