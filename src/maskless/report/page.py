"""One HTML page that holds all it shows: no script, no link, no request to any network."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from maskless.report.pictures import Panel, Picture
from maskless.report.table_html import heading, table_html
from maskless.report.tables import Table

_HOW_TO_READ = (
    "Point at a picture to see its tissue without the outlines. "
    "AJI and numbers of nuclei are of the whole image."
)
# A browser that honours this can neither run nor fetch anything, whatever a run directory has held.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Section:
    """A table and the pictures that belong to it; `notes` say what could not be shown, a sentence each."""

    table: Table
    pictures: Sequence[Picture] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Extra:
    """A picture that a run directory holds, as PNG bytes."""

    caption: str
    png: bytes


@dataclass(frozen=True)
class Page:
    """All that the page says. `curves` is an <svg> element, or empty; `made` who made the page and when."""

    title: str
    made: str
    sections: Sequence[Section]
    left_out: Sequence[str] = field(default=())
    curves: str = ""
    extras: Sequence[Extra] = ()


def html(page: Page) -> str:
    """The whole page. Every word of it is escaped; only `curves` is markup already."""
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    body = [
        f"<h1>{escape(page.title)}</h1>",
        f'<p class="faint">{escape(page.made)}</p>',
        *(table_html(section.table) for section in page.sections),
        _left_out(page.left_out),
        *(_images(section, number) for number, section in enumerate(page.sections, 1)),
        _curves(page.curves),
        _extras(page.extras),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{escape(page.title)}</title>\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n"
        + "\n".join(filter(None, body))
        + "\n</body>\n</html>\n"
    )


def _images(section: Section, number: int) -> str:
    """What was found, picture by picture; `number` tells the sections' ids apart."""
    if not (section.pictures or section.notes):
        return ""
    parts = [f"<h2>Outlines on {escape(heading(section.table))}</h2>"]
    if section.pictures:
        parts.append(f'<p class="faint">{_HOW_TO_READ}</p>')
    parts += [_picture(one, f"tissue-{number}-{k}") for k, one in enumerate(section.pictures, 1)]
    parts += [f'<p class="faint">{escape(note)}</p>' for note in section.notes]
    return "\n".join(parts)


def _picture(one: Picture, name: str) -> str:
    size = f'width="{one.width_px}" height="{one.height_px}"'
    image = f'<image id="{name}" {size} href="{_data(one.tissue)}"/>'
    panels = []
    for panel in one.panels:
        panels.append(_panel(one, panel, image))
        image = f'<use href="#{name}"/>'  # the pixels are in the page once
    return f'<h3>{escape(one.title)}</h3>\n<div class="panels">\n' + "\n".join(panels) + "\n</div>"


def _panel(one: Picture, panel: Panel, image: str) -> str:
    caption = f"<figcaption><b>{escape(panel.name)}</b><br>{escape(panel.caption)}</figcaption>"
    if panel.outlines is None:
        return f"<figure>{caption}</figure>"
    described = escape(f"{one.title}: outlines of {panel.name}")
    return (
        f'<figure><svg class="tissue" viewBox="0 0 {one.width_px} {one.height_px}" role="img" '
        f'aria-label="{described}">{image}<path d="{panel.outlines}"/></svg>{caption}</figure>'
    )


def _left_out(sentences: Sequence[str]) -> str:
    if not sentences:
        return ""
    items = "\n".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<h2>Failed, unfinished, not scored or not readable</h2>\n<ul>\n{items}\n</ul>"


def _curves(svg: str) -> str:
    if not svg:
        return ""
    note = "Losses of different methods are not on one scale; the validation AJI is."
    return f'<h2>Training</h2>\n<div class="curves">{svg}</div>\n<p class="faint">{note}</p>'


def _extras(extras: Sequence[Extra]) -> str:
    if not extras:
        return ""
    shown = "\n".join(
        f'<figure><img src="{_data(one.png)}" alt="{escape(one.caption)}"><figcaption>{escape(one.caption)}'
        "</figcaption></figure>"
        for one in extras
    )
    return f'<h2>Further pictures</h2>\n<div class="extra">\n{shown}\n</div>'


def _data(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
