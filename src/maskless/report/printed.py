"""The papers' own rows: what they print, brought to our units and columns, and of which images it is."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from maskless.metrics.papers import PAPERS, Paper
from maskless.report.column import Column
from maskless.report.notes import notes
from maskless.report.table import Row, Table, Value, by_cost
from maskless.signals import Annotation

_HERE = Path(__file__).parent

#: What a paper prints for a fraction of 1.
_UNITS = {"percent": 100.0, "fraction": 1.0}
#: Of a printed cell, by (paper, table, dataset, method): metric -> (value, standard deviation or empty).
_Cells = Mapping[tuple[str, str, str, str], Mapping[str, tuple[str, str]]]


@dataclass(frozen=True)
class Protocol:
    """The images that printed numbers are of. Two protocols are never in one table, whatever their names.

    `source`, `split` and `part` are those of a reader that gives these very images, 'fold*' for a family of
    folds; empty if none does. `images` is their number, 0 if the paper does not say, and `cases` what is in
    the name of each (a patient's barcode), empty if names do not tell. `leaky` says where images that are
    reported on had a part in the learning, `caveats` what else a reader must know; both are sentences.
    `papers` are the keys of `maskless.metrics.papers.PAPERS` that have rows of it.
    """

    key: str
    title: str
    images: int
    source: str = ""
    split: str = ""
    part: str = ""
    leaky: str = ""
    caveats: tuple[str, ...] = ()
    papers: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()


@cache
def protocols() -> Sequence[Protocol]:
    """All protocols that printed numbers are of."""
    facts = _facts()
    found = []
    for key, about in facts["protocols"].items():
        papers = [_paper(entry["paper"]).key for entry in facts["tables"] if entry["protocol"] == key]
        about = {**about, **{name: tuple(about.get(name, ())) for name in ("caveats", "cases")}}
        found.append(Protocol(key=key, papers=tuple(dict.fromkeys(papers)), **about))
    return found


def matching(source: str, split: str, part: str, images: Sequence[str]) -> list[Protocol]:
    """The protocols of a table's `images`, given by name.

    The same source, split ('fold*' for folds), part and number; and where a protocol lists its cases, each is
    in the name of exactly one image.
    """
    wanted = (source, split, part, len(images))
    readable = [one for one in protocols() if one.source]
    alike = [one for one in readable if (one.source, one.split, one.part, one.images) == wanted]
    return [one for one in alike if all(sum(case in image for image in images) == 1 for case in one.cases)]


def printed_rows(protocol: Protocol, paper: str) -> tuple[Row, ...]:
    """What the paper with the key `paper` prints of the protocol, a row a method, the cheapest first.

    Fractions are 0 to 1 whatever the paper prints, distances are in px. Empty if the paper has no such rows.
    """
    rows = [
        row
        for entry in _facts()["tables"]
        if entry["protocol"] == protocol.key and _paper(entry["paper"]).key == paper
        for row in _rows(protocol, entry)
    ]
    return by_cost(rows)


def printed_table(protocol: Protocol, paper: str) -> Table:
    """`printed_rows` as a table, with columns in the paper's order and the protocol's caveats as notes."""
    rows = printed_rows(protocol, paper)
    having = {column for row in rows for column in row.values}
    others = [column for row in rows for column in row.values]
    columns = tuple(column for column in dict.fromkeys([*columns_of(paper), *others]) if column in having)
    found = Table(
        source=protocol.source or protocol.key,
        split=protocol.split,
        part=protocol.part,
        images=(),
        columns=columns,
        rows=rows,
        paper=paper,
        title=protocol.title,
    )
    return replace(found, notes=(*protocol_notes(protocol), *notes(found)))


def columns_of(paper: str) -> tuple[Column, ...]:
    """The columns of the paper with the key `paper`, in its order."""
    return tuple(Column(*column.key, over=column.over) for column in PAPERS[paper].columns)


def protocol_notes(protocol: Protocol) -> tuple[str, ...]:
    """The sentences that belong below every table with printed rows of the protocol."""
    return (*filter(None, [protocol.leaky]), *protocol.caveats)


def _rows(protocol: Protocol, entry: Mapping[str, Any]) -> list[Row]:
    name = entry["paper"]
    cite = _facts()["papers"][name].get("cite") or _paper(name).title
    rows = []
    for method, about in entry["methods"].items():
        cells = _printed()[name, str(entry["table"]), entry["dataset"], method]
        values = {}
        for metric, (value, std) in cells.items():
            column, images = _column(entry, metric)
            one = _one(name, metric)
            deviation = float(std) / one if std else None
            values[column] = Value(float(value) / one, deviation, "printed", 0, images or protocol.images)
        rows.append(
            Row(
                name=about["name"],
                annotation=Annotation(about["annotation"]),
                values=values,
                citation=f"{cite}, table {entry['table']}",
                lacks=about.get("lacks", ""),
                note=about.get("note", ""),
            )
        )
    return rows


def _column(entry: Mapping[str, Any], metric: str) -> tuple[Column, int]:
    """What a printed metric is, and the number of images it is of if that is not the protocol's."""
    if own := entry.get("columns", {}).get(metric):
        own = dict(own)
        images = own.pop("images", 0)
        return Column(**own), images
    column = next(one for one in _paper(entry["paper"]).columns if one.printed == metric)
    return Column(*column.key, over=column.over), 0


def _one(name: str, metric: str) -> float:
    """What is printed for a fraction of 1; and 1 for distances, which stay px."""
    facts = _facts()
    return 1 if metric in facts["distances_px"] else _UNITS[facts["papers"][name]["unit"]]


def _paper(name: str) -> Paper:
    """The paper of a name in reference_results.csv."""
    return next(paper for paper in PAPERS.values() if name in paper.tables)


@cache
def _printed() -> _Cells:
    found: dict[tuple[str, str, str, str], dict[str, tuple[str, str]]] = {}
    with (_HERE / "reference_results.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            key = (line["paper"], line["table"], line["dataset"], line["method"])
            found.setdefault(key, {})[line["metric"]] = (line["value"], line["std"])
    return found


@cache
def _facts() -> Mapping[str, Any]:
    facts: Mapping[str, Any] = yaml.safe_load((_HERE / "protocols.yaml").read_text(encoding="utf-8"))
    return facts
