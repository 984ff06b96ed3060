"""The two kinds of files that nuclei are found in, images and whole slides, behind one form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from maskless.errors import UserError
from maskless.inference.analysis import Analysed, Analysis
from maskless.inference.inputs import looks_like_a_slide
from maskless.inference.outputs import FORMATS, possible_names, write_outputs
from maskless.inference.records import Records
from maskless.inference.slide.analysis import analysed_slide
from maskless.inference.slide.outputs import SLIDE_FORMATS, possible_slide_names
from maskless.inference.slide.watcher import Watcher
from maskless.inference.summary import Row, summary_rows

#: What is written of each kind where nothing else is asked for.
USUAL = {
    "image": ("labels", "geojson", "csv", "overlay"),
    "slide": ("labels", "geojson", "parquet", "density"),
}

#: The formats of either kind.
ALL_FORMATS = tuple(dict.fromkeys([*FORMATS, *SLIDE_FORMATS]))


class Findings(Protocol):
    """What was found in one file."""

    @property
    def mpp_is_stated(self) -> bool:
        """Whether the file itself said its pixel spacing."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """Sentences on what was passed over."""
        ...

    @property
    def unreadable(self) -> str | None:
        """A sentence on what of a slide could not be decoded, if there is any."""
        ...

    @property
    def slide(self) -> Mapping[str, Any]:
        """What the table of slides says of it (`slide.table.COLUMNS`), once written; nothing of an image."""
        ...

    def write(self, folder: Path, stem: str, formats: Sequence[str]) -> tuple[dict[str, Path], list[Row]]:
        """Write it into `folder`: the file of each format, and the rows of the summary."""
        ...


class Kind(Protocol):
    """What is done with files of one kind."""

    usual: Sequence[str]

    def names(self, stem: str, formats: Sequence[str]) -> list[str]:
        """The names that files may be given. Raises UserError for a format that this kind does not have."""
        ...

    def find(self, path: Path, regions: Path | None, of: dict[str, Any]) -> Findings:
        """Find the nuclei of a file, or of its regions; `of` says what the result depends on."""
        ...


@dataclass(frozen=True)
class Images(Kind):
    """Images, which are held in memory."""

    analysis: Analysis
    usual = USUAL["image"]

    def names(self, stem: str, formats: Sequence[str]) -> list[str]:
        """See `Kind`."""
        _refuse("an image", formats, FORMATS)
        return possible_names(stem, formats)

    def find(self, path: Path, regions: Path | None, of: dict[str, Any]) -> "ImageFindings":
        """See `Kind`. Raises as `Analysis.of`."""
        return ImageFindings(path.name, self.analysis.of(path, regions))


@dataclass(frozen=True)
class ImageFindings:
    """See `Findings`."""

    name: str
    found: Analysed

    @property
    def mpp_is_stated(self) -> bool:
        """See `Findings`."""
        return self.found.mpp_is_stated

    @property
    def notes(self) -> Sequence[str]:
        """See `Findings`."""
        return self.found.notes

    @property
    def unreadable(self) -> None:
        """See `Findings`."""
        return

    @property
    def slide(self) -> Mapping[str, Any]:
        """See `Findings`."""
        return {}

    def write(self, folder: Path, stem: str, formats: Sequence[str]) -> tuple[dict[str, Path], list[Row]]:
        """See `Findings`."""
        return write_outputs(folder, stem, self.found, formats), summary_rows(self.name, self.found)


@dataclass(frozen=True)
class Slides(Kind):
    """Whole slides, done block by block; what is done stays in `records`, should the process end."""

    analysis: Analysis
    records: Records
    watcher: Watcher
    core_px: int | None = None
    usual = USUAL["slide"]

    def names(self, stem: str, formats: Sequence[str]) -> list[str]:
        """See `Kind`."""
        _refuse("a whole slide", formats, SLIDE_FORMATS)
        return possible_slide_names(stem, formats)

    def find(self, path: Path, regions: Path | None, of: dict[str, Any]) -> Findings:
        """See `Kind`. Raises as `analysed_slide`."""
        folder = self.records.blocks(path.stem, {**of, "core_px": self.core_px})
        return analysed_slide(self.analysis, path, folder, self.watcher, regions, self.core_px)


def kind_of(path: Path, analysis: Analysis, records: Records, watcher: Watcher) -> Kind:
    """What is done with a file."""
    return Slides(analysis, records, watcher) if looks_like_a_slide(path) else Images(analysis)


def _refuse(what: str, formats: Sequence[str], known: Any) -> None:
    for name in formats:
        if name not in known:
            raise UserError(f"of {what} no formats={name} is written: choose from {', '.join(known)}")
