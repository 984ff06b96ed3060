"""maskless compare: tables beside the papers' own, and one self-contained HTML page, from several runs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console

from maskless import __version__
from maskless.arguments import misfit
from maskless.atomic import write_atomically
from maskless.commands.compose import Config
from maskless.errors import UserError, did_you_mean, first_three
from maskless.report.beside import beside, in_columns_of, of_other_images
from maskless.report.drawings.charts import charts, training
from maskless.report.drawings.figures import png
from maskless.report.drawings.panel import PanelRow, panel
from maskless.report.drawings.panel_rows import panel_rows
from maskless.report.drawings.pictures import pictures
from maskless.report.drawings.trainings import of_training
from maskless.report.formats.latex import latex
from maskless.report.formats.markdown import markdown
from maskless.report.formats.page import Extra, Page, Section, Trained, html
from maskless.report.formats.study import study_csv
from maskless.report.formats.terminal import print_table
from maskless.report.results import Result, names, read_result
from maskless.report.sheets import sheets_over_training
from maskless.report.table import Intervals, Table
from maskless.report.tables import best, intervals, tables
from maskless.runs import Run

#: A folder that has one of these is a run directory, whole or not.
_OF_A_RUN = ("state.json", "run.json", "scores.csv")
#: Of the panel, and the most that its longer side has of it, so that one of many runs fits the memory.
_PANEL_DPI, _PANEL_PX = 300, 12_000
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class _Compared:
    """Runs on one set of images: our table, the same rows beside papers', and differences to one row."""

    ours: Table
    papers: Sequence[Table]
    against: str
    intervals: Intervals

    @property
    def tables(self) -> Sequence[Table]:
        return (self.ours, *self.papers)


def run(config: Config) -> None:
    """Print the tables of the runs; write the page to `output`, and the tables beside it in other formats."""
    _refuse_misfits(config)
    outputs = _outputs(Path(config["output"]))
    count = config["images"]
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise UserError(f"images={count} is no number of images: give 0 or more")
    results, left_out = _read(find_runs([Path(path) for path in config["runs"]]))
    made = tables(results, config["columns"])
    if not made:
        raise UserError(f"there is nothing to compare: {first_three(left_out)}")
    _refuse_unknown_row(made, config["against"])
    compared = [_compared(table, config["paper"], config["against"]) for table in made]
    if config["paper"]:
        compared += [_Compared(table, [], "", {}) for table in of_other_images(made, config["paper"])]
    extras, broken = _extras(_figures(results))
    scored = sum(bool(result.scores) for result in results)
    by_name = dict(zip(names(results), results, strict=True))
    page = Page(
        title=f"{scored} runs compared" if scored > 1 else "One run",
        made=f"Made by maskless {__version__} on {datetime.now():%Y-%m-%d at %H:%M}.",
        sections=[_section(one, count, config) for one in compared],
        left_out=[*left_out, *broken],
        training=training(by_name),
        extras=extras,
        trained=[Trained(name, of_training(result), _sheets(result)) for name, result in by_name.items()],
    )
    drawn = _panel([row for one in compared for row in _panel_rows(one, count, config)])
    files = [
        html(page).encode(),
        study_csv(table for one in compared for table in one.tables).encode(),
        _joined(compared, markdown).encode(),
        _joined(compared, latex).encode(),
        *([drawn] if drawn else []),
    ]
    written = outputs[: len(files)]
    for path, data in zip(written, files, strict=True):
        write_atomically(path, data)
    for table in (table for one in compared for table in one.tables):
        print_table(table)
    console = Console(soft_wrap=True)
    for sentence in page.left_out:
        console.print(f"note: {sentence}", highlight=False, markup=False)
    console.print(f"written to {', '.join(map(str, written))}", highlight=False, markup=False)


def find_runs(paths: Sequence[Path]) -> list[Run]:
    """The run directories that `paths` are or have below them, each once, in this order.

    Raises UserError for a path that is neither.
    """
    found: dict[Path, Run] = {}
    for path in paths:
        if not path.is_dir():
            raise UserError(f"runs={path} is no run directory: there is no folder of that name")
        is_run = any((path / name).is_file() for name in _OF_A_RUN)
        folders = [path] if is_run else sorted({f.parent for name in _OF_A_RUN for f in path.rglob(name)})
        if not folders:
            raise UserError(
                f"{path} is no run directory, nor is there one below it: maskless train makes one"
            )
        for folder in folders:
            found.setdefault(folder.resolve(), Run(folder))
    if not found:
        raise UserError("name what to compare: runs=FOLDER, or runs=[runs/a,runs/b]")
    return list(found.values())


def _outputs(page: Path) -> list[Path]:
    """Where the page, the scores, the tables as Markdown and LaTeX, and the panel of pictures go."""
    if page.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"output={page} must end in .html; the tables are written beside it")
    beside_it = [page.with_suffix(ending) for ending in (".csv", ".md", ".tex", ".png")]
    if (page.parent / "state.json").exists() and beside_it[0].name in (
        "scores.csv",
        "metrics.csv",
        "search.csv",
    ):
        raise UserError(
            f"output={page} would put a table over the run's own {beside_it[0].name}: choose another name"
        )
    for path in (page, *beside_it):
        if path.is_dir():
            raise UserError(f"{path} is a folder: choose another output=FILE.html")
    return [page, *beside_it]


def _read(runs: Sequence[Run]) -> tuple[list[Result], list[str]]:
    """What can be read, and a sentence for each run that failed, is unfinished, unscored or unreadable."""
    results, sentences = [], []
    for run in runs:
        try:
            result = read_result(run)
        except UserError as error:
            sentences.append(str(error))
            continue
        results.append(result)
        if result.state != "finished":
            sentences.append(f"{run.path} {result.why}")
        elif not result.scores:
            sentences.append(f"{run.path} is not scored yet: maskless evaluate run={run.path}")
    return results, sentences


def _compared(table: Table, paper: str | None, against: str | None) -> _Compared:
    """The table with its papers. Differences are to the row asked for, or by default to the best one."""
    papers = beside(table, paper)
    if paper and not papers:
        papers = [in_columns_of(table, paper)]
    measured = {row.name for row in table.rows}
    reference = (against if against in measured else "") if against else _leader(table)
    if not reference or len(measured) < 2:
        return _Compared(table, papers, "", {})
    found = {key: one for each in (table, *papers) for key, one in intervals(each, reference).items()}
    return _Compared(table, papers, reference, found)


def _leader(table: Table) -> str:
    """The best row by the first column, if there is one."""
    bests = best(table)
    leaders = [row.name for row in table.rows for column in table.columns[:1] if (row.name, column) in bests]
    return leaders[0] if leaders else ""


def _refuse_misfits(config: Config) -> None:
    """Raise UserError for values of other types than the options take; null stands for their defaults."""
    for key in ("against", "paper"):
        if reason := misfit(key, config[key], str | None):
            raise UserError(f"{key} {reason}")
    for key in ("runs", "columns"):
        if not isinstance(config[key], list) or not all(isinstance(word, str) for word in config[key]):
            raise UserError(f"{key} must be a list of words, as in {key}=[a,b], not {config[key]!r}")


def _refuse_unknown_row(made: Sequence[Table], against: str | None) -> None:
    rows = {row.name for table in made for row in table.rows}
    if against is not None and against not in rows:
        raise UserError(f"against={against} is no row of these runs{did_you_mean(against, rows)}")


def _section(one: _Compared, count: int, config: Config) -> Section:
    """The tables with their charts, and up to `count` pictures of each row."""
    shown, notes = pictures(one.ours, count, config["trust"], config["data_root"])
    return Section(
        table=one.ours,
        papers=one.papers,
        against=one.against,
        intervals=one.intervals,
        charts=charts(one.ours, one.papers),
        pictures=shown,
        notes=notes,
    )


def _panel_rows(one: _Compared, count: int, config: Config) -> list[PanelRow]:
    """Up to `count` images for the panel, chosen by the scores of the row that others are compared with."""
    return panel_rows(one.ours, count, one.against, config["trust"], config["data_root"])


def _panel(rows: Sequence[PanelRow]) -> bytes | None:
    """The images below each other, what each row found in them side by side; None if there is nothing."""
    if not rows:
        return None
    figure = panel(rows)
    return png(figure, min(_PANEL_DPI, _PANEL_PX / max(figure.get_size_inches())))


def _joined(compared: Sequence[_Compared], made: Callable[[Table, str, Intervals], str]) -> str:
    return "\n".join(
        made(table, one.against, {key: v for key, v in one.intervals.items() if key[1] in table.columns})
        for one in compared
        for table in one.tables
    )


def _extras(files: Iterable[tuple[Path, str]]) -> tuple[list[Extra], list[str]]:
    """The pictures with their captions, and a sentence for each that is none."""
    extras, broken = [], []
    for file, caption in files:
        data = file.read_bytes()
        if data.startswith(_PNG):
            extras.append(Extra(caption, data))
        else:
            broken.append(f"{file} cannot be shown: it is no PNG")
    return extras, broken


def _figures(results: Sequence[Result]) -> Iterator[tuple[Path, str]]:
    for name, result in zip(names(results), results, strict=True):
        for file in sorted((result.path / "figures").glob("*.png")):
            yield file, f"{file.name} ({name})"


def _sheets(result: Result) -> list[Extra]:
    """What each stage has drawn while it trained, if anything."""
    found = sheets_over_training(result.path / "figures" / "sheets")
    return _extras((file, f"{what}: what it made of samples it learns from") for file, what in found)[0]
