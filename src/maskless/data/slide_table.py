"""Which slides a folder holds, and what a table says of each: spacing, power, part, patient."""

from collections.abc import Mapping
from csv import DictReader
from dataclasses import dataclass
from pathlib import Path

from maskless.data.barcode import tcga_item
from maskless.data.source import PARTS
from maskless.errors import UserError, did_you_mean
from maskless.signals import Item
from maskless.spacing import spacing_of

#: Endings of what OpenSlide opens, and of TIFF.
SUFFIXES = frozenset(
    (".svs", ".tif", ".tiff", ".btf", ".ndpi", ".mrxs", ".scn", ".bif", ".vms", ".vmu", ".svslide", ".dcm")
)
#: The table that is read if none is named.
TABLE = "slides.csv"
COLUMNS = ("slide", "mpp", "power", "split", "group")


@dataclass(frozen=True)
class SlideFile:
    """A slide before it is opened: its name, file, and what is said of it. `part` is of the table's split.

    With `if_unstated`, `mpp` and `power` are for a file that states neither, and do not hold before it.
    """

    name: str
    path: Path
    mpp: float | None = None
    power: float | None = None
    part: str | None = None
    group: str | None = None
    if_unstated: bool = False

    @property
    def item(self) -> Item:
        """Its patient is what the table says, else that of a TCGA barcode in its name, else the slide."""
        item = tcga_item(self.name)
        return item if self.group is None else Item(item.id, self.group, item.case)


def slide_files(
    folder: Path, table: Path | None = None, mpp: float | None = None, power: float | None = None
) -> list[SlideFile]:
    """The slides of a folder by name, with what `table`, or its slides.csv, says of each.

    A slide is a file with one of `SUFFIXES` straight in the folder, or one that the table names by its path
    from there. `mpp` and `power` are of the slides of which neither the table nor the file says either.
    Raises UserError for a table that cannot be read, or names a slide that is not there.
    """
    files = [f for f in sorted(folder.iterdir()) if f.suffix.lower() in SUFFIXES and f.is_file()]
    found: dict[str, Path] = {}
    for file in files:
        name = name_of_slide(file)
        if not file.name.startswith(".") and found.setdefault(name, file) != file:
            raise UserError(f"{found[name]} and {file.name} are named alike: rename one of them")
    if table is None and (folder / TABLE).is_file():
        table = folder / TABLE
    rows = {} if table is None else _rows(table)
    for word in rows:
        file = folder / word
        name = name_of_slide(file)
        if name not in found:
            if not file.is_file():
                raise UserError(f"{table} names {word}, which is not in {folder}{did_you_mean(word, found)}")
            found[name] = file
    said = {name_of_slide(Path(word)): row for word, row in rows.items()}
    return [_slide(name, found[name], said.get(name, {}), table, mpp, power) for name in sorted(found)]


def listed_slides(table: Path) -> list[SlideFile]:
    """The slides that a table names, by name, and no others. Raises UserError as `slide_files` does."""
    named = {name_of_slide(Path(word)) for word in _rows(table)}
    return [slide for slide in slide_files(table.parent, table) if slide.name in named]


def name_of_slide(file: Path) -> str:
    """A slide's name: its file's, without the ending or OME's two."""
    stem = file.name if file.suffix.lower() not in SUFFIXES else file.stem
    return stem.removesuffix(".ome")


def _rows(table: Path) -> dict[str, dict[str, str]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = DictReader(file)
            columns = [name.strip().lower() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            rows = [{key: (value or "").strip() for key, value in row.items() if key} for row in reader]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the table of slides {table} cannot be read: {error}") from error
    for column in columns:
        if column not in COLUMNS:
            raise UserError(f"{table} has a column {column!r}{did_you_mean(column, COLUMNS)}")
    if "slide" not in columns:
        raise UserError(f"{table} has no column slide, with the name of each slide's file")
    by_slide: dict[str, dict[str, str]] = {}
    for row in rows:
        if by_slide.setdefault(row["slide"], row) is not row:
            raise UserError(f"{table} has {row['slide']} twice: keep one row of it")
    return by_slide


def _slide(
    name: str, file: Path, row: Mapping[str, str], table: Path | None, mpp: float | None, power: float | None
) -> SlideFile:
    own_mpp, own_power = (_number(row.get(key), f"{table}, {name}: {key}") for key in ("mpp", "power"))
    try:
        spacing_of(own_mpp, own_power)
    except UserError as error:
        raise UserError(f"{table}, {name}: {error}") from error
    unsaid = own_mpp is None and own_power is None
    if unsaid:
        own_mpp, own_power = mpp, power
    part = row.get("split") or None
    if part is not None and part not in PARTS:
        raise UserError(f"{table}, {name}: split={part} is none of {', '.join(PARTS)}")
    return SlideFile(name, file, own_mpp, own_power, part, row.get("group") or None, unsaid)


def _number(text: str | None, where: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{where}={text} is no number") from None
