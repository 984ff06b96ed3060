"""Pictures as HTML: tissue with the outlines of truth and prediction, and the errors area by area."""

import base64
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from maskless.report.drawings.pictures import Picture
from maskless.report.drawings.tissue import FIELD_PX, Tissue

#: The areas in the order of the key: the class of their paths, what they are called and what they are.
_AREAS = (
    ("correct", "true positive", "nucleus in both"),
    ("wrong", "false positive", "nucleus in the prediction alone"),
    ("missed", "false negative", "nucleus in the truth alone"),
)


def pictures_html(pictures: Sequence[Picture], prefix: str) -> str:
    """The key, then for each row its pictures of three panels. Every word is escaped.

    The pixels and the truth of a tissue are in it once, whoever is shown on it. Ids begin with `prefix`.
    """
    tissues = {one.tissue.image: one.tissue for one in pictures}
    names = {image: f"{prefix}-{number}" for number, image in enumerate(tissues, 1)}
    parts = ["<h3>What was found, and what was not</h3>", _key(prefix)]
    parts += [_definitions(tissue, names[image]) for image, tissue in tissues.items()]
    for row, of_row in groupby(enumerate(pictures, 1), lambda entry: entry[1].row):
        parts.append(f"<h4>{escape(row)}</h4>")
        parts += [_picture(one, names[one.tissue.image], f"{prefix}-{k}", prefix) for k, one in of_row]
    # Lines of the hatching are as far apart in a small image as in a large one.
    width_px = max(tissue.shown.width_px for tissue in tissues.values())
    return "\n".join([_patterns(prefix, width_px / FIELD_PX), *parts])


def _patterns(prefix: str, scale: float) -> str:
    """What panels refer to: tissue without colour and pale, and the hatching of what was missed."""
    grey = ".1 .18 .03 0 .69 " * 3
    return (
        '<svg class="hidden" aria-hidden="true"><defs>'
        f'<filter id="pale-{prefix}" color-interpolation-filters="sRGB">'
        f'<feColorMatrix values="{grey}0 0 0 1 0"/></filter>'
        f'<pattern id="hatch-{prefix}" width="5" height="5" patternUnits="userSpaceOnUse" '
        f'patternTransform="scale({scale:.3f}) rotate(45)"><path class="ground" d="M0 0h5v5h-5z"/>'
        '<path class="stripe" d="M0 0h2v5h-2z"/></pattern></defs></svg>'
    )


def _definitions(tissue: Tissue, name: str) -> str:
    data = f"data:{tissue.media};base64,{base64.b64encode(tissue.pixels).decode()}"
    return (
        f'<svg class="hidden" aria-hidden="true"><defs><image id="tissue-{name}" width="{tissue.width_px}" '
        f'height="{tissue.height_px}" href="{data}"/><path id="truth-{name}" class="outline" '
        f'd="{tissue.truth}"/></defs></svg>'
    )


def _key(prefix: str) -> str:
    swatch = '<svg class="swatch" viewBox="0 0 26 14" aria-hidden="true">'
    swatches = "".join(
        f"<span>{swatch}{_area('M0 0h26v14h-26z', kind, prefix)}</svg> {name}: {what}</span>"
        for kind, name, what in _AREAS
    )
    return f'<p class="key">{swatches}</p>'


def _picture(one: Picture, tissue_name: str, name: str, prefix: str) -> str:
    shown, tissue = one.tissue.shown, one.tissue
    view = (
        f'viewBox="{shown.left_px} {shown.top_px} {shown.width_px} {shown.height_px}" '
        f'data-whole="0 0 {tissue.width_px} {tissue.height_px}"'
    )
    panels = "\n".join(
        f'<figure class="zoomable"><svg class="tissue" {view} role="img" '
        f'aria-label="{escape(f"{tissue.image}: {what}")}">{drawn}</svg>'
        f"<figcaption><b>{escape(what)}</b><br>{escape(caption)}</figcaption></figure>"
        for what, caption, drawn in _panels(one, tissue_name, name, prefix)
    )
    stands_for = f"{one.stands_for} by {one.score}" if one.stands_for else ""
    told = escape(", ".join(filter(None, [stands_for, tissue.image, tissue.cut])))
    return f'<section class="picture">\n<h5>{told}</h5>\n<div class="panels">\n{panels}\n</div></section>'


def _panels(one: Picture, tissue_name: str, name: str, prefix: str) -> Iterator[tuple[str, str, str]]:
    """Of each panel what it shows, its caption, and its elements."""
    pixels = f'<use href="#tissue-{tissue_name}"/>'
    found = f'<defs><path id="found-{name}" class="outline" d="{one.outlines}"/></defs>'
    areas = "".join(_area(getattr(one, kind), kind, prefix) for kind, _, _ in _AREAS)
    yield "truth", one.tissue.told, pixels + _lines(f"truth-{tissue_name}")
    yield one.row, one.caption, pixels + found + _lines(f"found-{name}")
    key = "true positive blue, false positive red, false negative hatched in green"
    yield f"errors of {one.row}", key, f'<g filter="url(#pale-{prefix})">{pixels}</g>{areas}'


def _lines(name: str) -> str:
    """An outline twice, the bright one over a broader dark one: it shows on any tissue."""
    return f'<g class="lines"><use class="casing" href="#{name}"/><use class="line" href="#{name}"/></g>'


def _area(path: str, kind: str, prefix: str) -> str:
    hatched = f' fill="url(#hatch-{prefix})"' if kind == "missed" else ""
    return f'<path class="area {kind}"{hatched} d="{path}"/>'
