"""OME-XML, as microscopes write it into the description of a TIFF."""

from defusedxml import ElementTree


def ome_pixels(description: object) -> list[dict[str, str]]:
    """The attributes of each `Pixels` element (PhysicalSizeX, SizeX, SignificantBits, ...), in order.

    `description` is the tag as a decoder hands it out. None is found in what is no OME-XML, is damaged, or
    tries to expand entities.
    """
    return _attributes(description, "Pixels")


def ome_power(description: object) -> float | None:
    """The objective's power that the first `Objective` element states; None where there is none."""
    for objective in _attributes(description, "Objective"):
        try:
            return float(objective["NominalMagnification"])
        except (KeyError, ValueError):
            continue
    return None


def _attributes(description: object, name: str) -> list[dict[str, str]]:
    if not isinstance(description, str) or "<OME" not in description:
        return []
    try:
        root = ElementTree.fromstring(as_utf8(description), forbid_dtd=True)
    except Exception:  # a damaged description is as good as none
        return []
    return [dict(element.attrib) for element in root.iter() if element.tag.rpartition("}")[2] == name]


def as_utf8(text: str) -> str:
    """A text that was decoded byte by byte, as TIFF has it, decoded as UTF-8 if it can be."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text
