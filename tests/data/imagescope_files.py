"""ImageScope annotations, written for a test."""

from collections.abc import Iterable, Sequence
from pathlib import Path

Outline = Sequence[tuple[object, object]]


def write_annotation(file: Path, *layers: Iterable[Outline], mpp: str | None = "0.2520") -> Path:
    """An XML of ImageScope with a layer of regions each, Ids from 1 in each layer, a vertex a line."""
    spacing = "" if mpp is None else f' MicronsPerPixel="{mpp}"'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<Annotations{spacing}>"]
    for number, outlines in enumerate(layers, start=1):
        lines += [f'<Annotation Id="{number}" Type="4"><Attributes/>', "<Regions><RegionAttributeHeaders/>"]
        for identity, outline in enumerate(outlines, start=1):
            lines += [f'<Region Id="{identity}" Type="0" Area="7.5"><Attributes/>', "<Vertices>"]
            lines += [f'<Vertex X="{x}" Y="{y}"/>' for x, y in outline]
            lines += ["</Vertices>", "</Region>"]
        lines += ["</Regions>", "</Annotation>"]
    file.write_text("\n".join([*lines, "</Annotations>"]), encoding="utf-8")
    return file
