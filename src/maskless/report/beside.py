"""Measured rows beside a paper's own: its columns, its definitions, its images."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from maskless.errors import UserError, did_you_mean
from maskless.metrics.papers import PAPERS
from maskless.report.notes import notes
from maskless.report.printed import columns_of, matching, printed_table, protocol_notes, protocols
from maskless.report.table import Row, Table, by_cost


def beside(table: Table, paper: str | None = None) -> list[Table]:
    """The measured rows of `table` in the columns of each paper that prints numbers of the same images, with
    the paper's rows; of one `paper` alone, if its key is given. Raises UserError for an unknown key."""
    _refuse_unknown(paper)
    return [
        _joined(table, printed_table(protocol, key), protocol_notes(protocol))
        for protocol in matching(table.source, table.split, table.part, table.images)
        for key in protocol.papers
        if paper in (None, key)
    ]


def in_columns_of(table: Table, paper: str) -> Table:
    """The measured rows of `table` alone, in the columns of a paper that has no numbers of these images."""
    _refuse_unknown(paper)
    title = f"{table.source}, {table.part}, in the columns of {PAPERS[paper].title}"
    alone = replace(table, columns=columns_of(paper), paper=paper, title=title)
    return replace(alone, notes=notes(alone))


def of_other_images(made: Sequence[Table], paper: str) -> list[Table]:
    """What the paper prints of images that no table is of: tables of their own, and never a measured row."""
    matched = {
        protocol
        for table in made
        for protocol in matching(table.source, table.split, table.part, table.images)
    }
    return [
        printed_table(protocol, paper)
        for protocol in protocols()
        if paper in protocol.papers and protocol not in matched
    ]


def _joined(table: Table, printed: Table, more: Sequence[str]) -> Table:
    rows = by_cost([*_next_to_their_own(table.rows, printed.rows)])
    title = f"{printed.title}: measured beside {PAPERS[printed.paper].title}"
    joined = replace(table, columns=printed.columns, rows=rows, paper=printed.paper, title=title)
    return replace(joined, notes=(*more, *notes(joined)))


def _next_to_their_own(measured: Sequence[Row], printed: Sequence[Row]) -> Iterator[Row]:
    """All rows, the measured ones first; but a printed row that has the name of one follows it, renamed."""
    alike = {row.name: row for row in printed}
    for row in measured:
        yield row
        if own := alike.pop(row.name, None):
            yield replace(own, name=f"{own.name}, printed")
    yield from alike.values()


def _refuse_unknown(paper: str | None) -> None:
    if paper is not None and paper not in PAPERS:
        raise UserError(f"paper={paper} is none whose tables are known{did_you_mean(paper, PAPERS)}")
