"""maskless compare: one table and one self-contained HTML page from several runs."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from math import nan
from pathlib import Path

from rich.console import Console

from maskless import __version__
from maskless.atomic import write_atomically
from maskless.commands.compose import Config
from maskless.errors import UserError, first_three
from maskless.report.figures import Curve, curves, svg
from maskless.report.page import Extra, Page, Section, html
from maskless.report.pictures import Picture, chosen, find_source, keeps_predictions, picture
from maskless.report.results import Result, names, read_result
from maskless.report.tables import Table, study_csv, tables
from maskless.report.terminal import print_table
from maskless.runs import Run

NO_LABEL_MAPS = "No run has kept its label maps; maskless evaluate run=... keeps them, if predictions=true."
_PNG = b"\x89PNG\r\n\x1a\n"


def run(config: Config) -> None:
    """Print the table of the runs; write the page to `output`, and the table beside it as CSV."""
    output, beside = _outputs(Path(config["output"]))
    count = config["images"]
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise UserError(f"images={count} is no number of images: give 0 or more")
    results, left_out = _read(find_runs([Path(path) for path in config["runs"]]))
    made = tables(results)
    if not made:
        raise UserError(f"there is nothing to compare: {first_three(left_out)}")
    scored = sum(bool(result.scores) for result in results)
    sections = []
    for table in made:
        sections.append(_section(table, count, config))
        count -= len(sections[-1].pictures)
    if count and not any(section.pictures or section.notes for section in sections):
        sections[0] = Section(made[0], notes=[NO_LABEL_MAPS])
    extras, broken = _extras(results)
    page = Page(
        title=f"{scored} runs compared" if scored > 1 else "One run",
        made=f"Made by maskless {__version__} on {datetime.now():%Y-%m-%d at %H:%M}.",
        sections=sections,
        left_out=[*left_out, *broken],
        curves=_curves(results),
        extras=extras,
    )
    write_atomically(output, html(page).encode())
    write_atomically(beside, study_csv(made).encode())
    for table in made:
        print_table(table)
    console = Console(soft_wrap=True)
    for sentence in page.left_out:
        console.print(f"note: {sentence}", highlight=False, markup=False)
    console.print(f"written to {output} and {beside}", highlight=False, markup=False)


def find_runs(paths: Sequence[Path]) -> list[Run]:
    """The run directories that `paths` are or have below them, each once, in this order.

    Raises UserError for a path that is neither.
    """
    found: dict[Path, Run] = {}
    for path in paths:
        if not path.is_dir():
            raise UserError(f"runs={path} is no run directory: there is no folder of that name")
        at = [path / "state.json"] if (path / "state.json").is_file() else sorted(path.rglob("state.json"))
        folders = [state.parent for state in at]
        if not folders:
            raise UserError(
                f"{path} is no run directory, nor is there one below it: maskless train makes one"
            )
        for folder in folders:
            found.setdefault(folder.resolve(), Run(folder))
    if not found:
        raise UserError("name what to compare: runs=FOLDER, or runs=[runs/a,runs/b]")
    return list(found.values())


def _outputs(page: Path) -> tuple[Path, Path]:
    """Where the page and the table go."""
    if page.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"output={page} must end in .html; the table is written beside it, ending in .csv")
    beside = page.with_suffix(".csv")
    if (page.parent / "state.json").exists() and beside.name in ("scores.csv", "metrics.csv"):
        raise UserError(
            f"output={page} would put a table over the run's own {beside.name}: choose another name"
        )
    return page, beside


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


def _section(table: Table, count: int, config: Config) -> Section:
    """The table with up to `count` pictures; what cannot be shown becomes a note."""
    if not count or not keeps_predictions(table):
        return Section(table)
    pictures: list[Picture] = []
    notes = []
    try:
        source = find_source(table, config["trust"], config["data_root"])
    except UserError as error:
        return Section(table, notes=[f"The images cannot be read any more: {error}."])
    for image, stands_for in chosen(table, count):
        try:
            pictures.append(picture(table, source, image, stands_for))
        except UserError as error:
            notes.append(f"{image} cannot be read any more: {error}.")
    return Section(table, pictures, notes)


def _curves(results: Sequence[Result]) -> str:
    trained = [
        Curve(name, _numbers(result, "loss"), _numbers(result, "val_aji"))
        for name, result in zip(names(results), results, strict=True)
        if result.epochs
    ]
    return svg(curves(trained)) if trained else ""


def _numbers(result: Result, column: str) -> list[float]:
    return [row.get(column, nan) for row in result.epochs]


def _extras(results: Sequence[Result]) -> tuple[list[Extra], list[str]]:
    """The pictures in figures/ of each run, and a sentence for each that is none."""
    extras, broken = [], []
    for file, name in _figures(results):
        data = file.read_bytes()
        if data.startswith(_PNG):
            extras.append(Extra(f"{file.name} ({name})", data))
        else:
            broken.append(f"{file} cannot be shown: it is no PNG")
    return extras, broken


def _figures(results: Sequence[Result]) -> Iterator[tuple[Path, str]]:
    for name, result in zip(names(results), results, strict=True):
        for file in sorted((result.path / "figures").glob("*.png")):
            yield file, name
