"""The words that all formats of a table share: names, units and arrows, what a mean is over, footnotes."""

from collections.abc import Mapping, Sequence
from string import ascii_lowercase
from typing import NamedTuple

from maskless.metrics import DIRECTIONS
from maskless.metrics.papers import PAPERS
from maskless.report.column import Column
from maskless.report.results import Result
from maskless.report.table import Interval, Row, Table, Value
from maskless.signals import Annotation

#: How words of a metric's name are written where it is not as they are; 'object_f1' is 'object F1'.
_WORDS = {
    "adc": "ADC",
    "ahd": "AHD",
    "aji": "AJI",
    "dice": "Dice",
    "dq": "DQ",
    "f1": "F1",
    "hausdorff": "Hausdorff",
    "iou": "IoU",
    "pq": "PQ",
    "sq": "SQ",
}
#: Characters of a fingerprint, commit or checkpoint's hash that are shown.
SHORT = 12
#: What the rows of a group have cost a person who annotates.
_COST = {
    Annotation.NONE: "no annotation",
    Annotation.OTHER_STAIN: "masks of another stain",
    Annotation.POINTS: "a point a nucleus",
    Annotation.MASKS: "full masks",
    None: "annotation not recorded",
}


class Footnotes(NamedTuple):
    """The letters that stand at a row's name ('a' or 'a, b'), by row; and the letters with their texts."""

    marks: Mapping[str, str]
    texts: Sequence[tuple[str, str]]


class Provenance(NamedTuple):
    """The command line of a run, and its folder, state, seed, commit, weights and data, as far as known."""

    command: str
    facts: Sequence[str]


def metric_name(column: Column) -> str:
    """'aji' as 'AJI', 'balanced_accuracy' as 'balanced accuracy', 'object_f1' as 'object F1'."""
    return " ".join(_WORDS.get(word, word) for word in column.metric.split("_"))


def unit(column: Column) -> str:
    """'px' for distances; empty for fractions."""
    return "px" if "hausdorff" in column.metric else ""


def direction(column: Column) -> str:
    """An arrow to where the better values are; empty for a metric of unknown direction."""
    return {True: "↑", False: "↓", None: ""}[DIRECTIONS.get(column.metric)]


def by_definition(column: Column) -> str:
    """'kumar', or with what is not the rule: 'kumar, in tumour, pooled'."""
    where = "" if column.region == "all" else f", in {column.region}"
    return f"{column.definition}{where}{', pooled' * (column.over == 'pooled')}"


def heading(table: Table) -> str:
    """The table's title, or 'multiorgan, test: 14 images' (of folds also their split); and whose metrics."""
    split = f", {table.split}" if table.split.endswith("*") else ""
    images = f"{table.source}{split}, {table.part}: {count(len(table.images), 'image')}"
    title, paper = table.title or images, PAPERS[table.paper].title if table.paper else ""
    return title if paper in title else f"{title}; the metrics of {paper}"


def count(number: int, word: str) -> str:
    """'1 image', '2 images'."""
    return f"{number} {word}{'s' * (number != 1)}"


def by_annotation(table: Table) -> list[tuple[str, tuple[Row, ...]]]:
    """The rows in groups of what annotation they cost, the cheapest first, each group with its name."""
    groups = [(_COST[cost], tuple(row for row in table.rows if row.annotation == cost)) for cost in _COST]
    return [(name, rows) for name, rows in groups if rows]


def basis(value: Value) -> str:
    """What a deviation is over: 'images', '3 seeds', '10 folds'; empty if there is none or it is printed."""
    if value.std is None or value.of == "printed":
        return ""
    return "images" if value.of == "images" else f"{value.count} {value.of}"


def undefined(table: Table, value: Value) -> str:
    """'13 images' if a measured value is defined by fewer images than the table has, else empty."""
    fewer = value.of != "printed" and value.images < len(table.images)
    return count(value.images, "image") if fewer else ""


def spread(table: Table) -> str:
    """What the cells hold: 'Mean over images ± standard deviation over 3 seeds.', and what italics are."""
    over: dict[str, list[str]] = {}
    for row in table.rows:
        for word in dict.fromkeys(basis(v) for c in table.columns if (v := row.values.get(c))):
            over.setdefault(word, []).append(row.name)
    over.pop("", None)
    sentences = []
    if over:
        words = [f"{word} ({', '.join(names)})" if len(over) > 1 else word for word, names in over.items()]
        sentences.append(f"Mean over images ± standard deviation over {'; over '.join(words)}.")
    if any(column.over == "pooled" for column in table.columns):
        sentences.append(f"Pooled: one score of the nuclei or pixels of all images{_of_runs(table)}.")
    if any(row.citation for row in table.rows):
        sentences.append("In italics: printed in a paper, not measured here.")
    return " ".join(sentences)


def footnotes(table: Table) -> Footnotes:
    """Where a printed row stands; why a row is shown and not compared. Equal texts share a letter."""
    of_rows = {row.name: _texts(table, row) for row in table.rows}
    texts = list(dict.fromkeys(text for texts in of_rows.values() for text in texts))
    letter = {text: _letter(number) for number, text in enumerate(texts)}
    marks = {name: ", ".join(letter[text] for text in texts) for name, texts in of_rows.items() if texts}
    return Footnotes(marks, [(letter[text], text) for text in texts])


def provenance(table: Table) -> list[tuple[str, list[Provenance]]]:
    """The name of each measured row, and where each of its runs is from."""
    return [(row.name, [_provenance(table, run) for run in row.runs]) for row in table.rows if row.runs]


def difference(interval: Interval) -> str:
    """'+0.012 [-0.020, +0.045]', with true minus signs."""
    values = (interval.difference, interval.low, interval.high)
    middle, low, high = (f"{value:+.3f}".replace("-", "\N{MINUS SIGN}") for value in values)
    return f"{middle} [{low}, {high}]"


def told_apart(against: str, intervals: Mapping[tuple[str, Column], Interval]) -> str:
    """What the brackets are, and how many of the differences could be a draw of the images; or empty."""
    if not intervals:
        return ""
    inside = sum(interval.holds_zero for interval in intervals.values())
    return (
        f"Below a mean: its difference to {against}, and in brackets where 95 % of resampled sets of images "
        f"have it. {inside} of the {count(len(intervals), 'interval')} hold 0: there the images cannot tell "
        "the two apart."
    )


def _provenance(table: Table, run: Result) -> Provenance:
    about = run.about(table.source)
    # Runs are copied without their weights to be compared; one without epochs never had any.
    weights = run.checkpoint[:SHORT] or ("not there" if run.epochs else "")
    facts = [
        str(run.path),
        run.state,
        f"seed {run.seed}" if run.seed else "",
        f"commit {run.commit[:SHORT]}{' with changes' * run.commit.endswith('+')}" if run.commit else "",
        f"weights {weights}" if weights else "",
        f"data {str(about['sha256'])[:SHORT]}" if about.get("sha256") else "",
        f"licence of the data {about['licence']}" if about.get("licence") else "",
    ]
    return Provenance(run.command, tuple(filter(None, facts)))


def _of_runs(table: Table) -> str:
    """What runs are pooled by themselves, if any row has several: their scores are then averaged."""
    pooled = [c for c in table.columns if c.over == "pooled"]
    averaged = {v.of for row in table.rows for c in pooled if (v := row.values.get(c)) and v.count > 1}
    over = [word for word in ("seeds", "folds") if word in averaged]
    return f" of a run, averaged over {' and '.join(over)}" if over else ""


def _texts(table: Table, row: Row) -> list[str]:
    texts = [f"printed: {row.citation}"] if row.citation else []
    if row.seen:
        few = f"{len(row.seen)} of the {len(table.images)}" if len(row.seen) < len(table.images) else "these"
        texts.append(f"not compared: it has learnt from the tissue of {few} images")
    if row.lacks:
        texts.append(f"not compared: {row.lacks}")
    return texts


def _letter(number: int) -> str:
    """a, b, ... z, aa, ab, ..."""
    more, last = divmod(number, len(ascii_lowercase))
    return (_letter(more - 1) if more else "") + ascii_lowercase[last]
