"""One HTML page that holds all it shows: no link, no request to any network, and one script of ours."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from maskless.report.drawings.charts import Chart
from maskless.report.drawings.pictures import Picture
from maskless.report.formats.pictures_html import pictures_html
from maskless.report.formats.table_html import table_html
from maskless.report.table import Intervals, Table
from maskless.report.words import heading

#: A browser that honours this fetches nothing and runs the page's own script alone, whatever a run directory
#: has held. Charts have their looks in attributes named style.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{}'"


@dataclass(frozen=True)
class Section:
    """A table and what belongs to it; `notes` say what could not be shown, a sentence each.

    `papers` are further tables of the same images, with the columns of papers. `intervals`, as
    `maskless.report.tables.intervals` gives them, are the differences to the row called `against`; they may
    be those of all the tables together.
    """

    table: Table
    papers: Sequence[Table] = ()
    against: str = ""
    intervals: Intervals = field(default_factory=dict)
    charts: Sequence[Chart] = ()
    pictures: Sequence[Picture] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Extra:
    """A picture that a run directory holds, as PNG bytes."""

    caption: str
    png: bytes


@dataclass(frozen=True)
class Trained:
    """The training of one run: its charts, and some of the pictures that its stages have drawn meanwhile."""

    run: str
    charts: Sequence[Chart] = ()
    sheets: Sequence[Extra] = ()


@dataclass(frozen=True)
class Page:
    """All that the page says. `made` is who made it and when; `left_out` what is in no table, and why."""

    title: str
    made: str
    sections: Sequence[Section]
    left_out: Sequence[str] = ()
    training: Chart | None = None
    extras: Sequence[Extra] = ()
    trained: Sequence[Trained] = ()


def html(page: Page) -> str:
    """The whole page. Every word of it is escaped; only charts are markup already."""
    style, script = (_beside(name) for name in ("page.css", "page.js"))
    policy = _POLICY.format(base64.b64encode(hashlib.sha256(script.encode()).digest()).decode())
    body = [
        f"<h1>{escape(page.title)}</h1>",
        f'<p class="faint">{escape(page.made)}</p>',
        *(_tables(section) for section in page.sections),
        _left_out(page.left_out),
        *(_shown(section, number) for number, section in enumerate(page.sections, 1)),
        _section(
            "Training",
            _chart(page.training) if page.training else "",
            *(_trained(one) for one in page.trained),
        ),
        _section("Further pictures", *(_extra(one) for one in page.extras)),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{escape(page.title)}</title>\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n"
        + "\n".join(filter(None, body))
        + f"\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _beside(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _tables(section: Section) -> str:
    levels = {2: [section.table], 3: section.papers}
    return "\n".join(
        table_html(table, section.against, section.intervals, level)
        for level, tables in levels.items()
        for table in tables
    )


def _left_out(sentences: Sequence[str]) -> str:
    items = "\n".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return _section("Failed, unfinished, not scored or not readable", f"<ul>\n{items}\n</ul>" * bool(items))


def _shown(section: Section, number: int) -> str:
    """The charts and pictures of a table; `number` tells the sections' ids apart."""
    charts = "\n".join(f"<h3>{escape(chart.title)}</h3>\n{_chart(chart)}" for chart in section.charts)
    pictures = pictures_html(section.pictures, f"{number}") if section.pictures else ""
    notes = "\n".join(f'<p class="faint">{escape(note)}</p>' for note in section.notes)
    return _section(f"Pictures of {heading(section.table)}", charts, pictures, notes)


def _trained(one: Trained) -> str:
    """All that there is of one run, below its name; nothing if there is nothing."""
    charts = [f"<h4>{escape(chart.title)}</h4>\n{_chart(chart)}" for chart in one.charts]
    below = "\n".join([*charts, *(_extra(sheet) for sheet in one.sheets)])
    return f"<h3>{escape(one.run)}</h3>\n{below}" if below else ""


def _section(title: str, *parts: str) -> str:
    """A heading and what is below it; nothing if there is nothing."""
    below = "\n".join(filter(None, parts))
    return f"<h2>{escape(title)}</h2>\n{below}" if below else ""


def _chart(chart: Chart) -> str:
    named = f'<svg role="img" aria-label="{escape(chart.title)}"'
    return (
        f'<figure class="chart zoomable">{chart.svg.replace("<svg", named, 1)}'
        f"<figcaption>{escape(chart.caption)}</figcaption></figure>"
    )


def _extra(one: Extra) -> str:
    data = base64.b64encode(one.png).decode()
    return (
        f'<figure class="extra zoomable"><img src="data:image/png;base64,{data}" alt="{escape(one.caption)}">'
        f"<figcaption>{escape(one.caption)}</figcaption></figure>"
    )
