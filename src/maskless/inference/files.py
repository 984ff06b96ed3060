"""Image files through an analysis, each to its own files: one after another, and on from where it stopped."""

import errno
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from maskless.data.annotations import regions_file
from maskless.errors import UserError
from maskless.inference.analysis import Analysis
from maskless.inference.inputs import looks_like_a_slide
from maskless.inference.kinds import kind_of
from maskless.inference.records import Record, Records, content_hash, full_path
from maskless.inference.slide.table import note_slide
from maskless.inference.slide.watcher import Silent, Watcher
from maskless.inference.summary import Row, readable

#: What can be wrong with the name of one file, where others could be written.
_OF_ONE_NAME = {errno.EISDIR, errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL}


@dataclass(frozen=True)
class Predicted:
    """One file: the rows of its summary, or why it was skipped.

    `notes` are sentences on what was passed over in it, `unreadable` one on what of a slide could not be
    decoded, and so was not looked at. `done_before` says that it was not touched now.
    `defect` is an error that is none of the user's. `slide` has what the table of slides says of one that is
    done.
    """

    path: Path
    rows: list[Row] = field(default_factory=list)
    mpp_is_stated: bool = False
    notes: Sequence[str] = ()
    unreadable: str | None = None
    done_before: bool = False
    problem: str | None = None
    defect: Exception | None = None
    slide: Mapping[str, Any] = field(default_factory=dict)


def predict_files(
    analysis: Analysis,
    files: Sequence[Path],
    output: Path,
    formats: Sequence[str] | None,
    settings: Mapping[str, Any],
    region: Path | None = None,
    watcher: Watcher | None = None,
    spacings: Mapping[Path, float | None] = MappingProxyType({}),
) -> Iterator[Predicted]:
    """Analyse one file after another, and write its `formats` into `output`.

    They are those of `outputs.FORMATS` for an image, of `slide.outputs.SLIDE_FORMATS` for a whole slide, and
    the usual ones of either for None. Where `spacings` has one of a file, µm/px, it takes the place of the
    analysis's. `watcher` is told how far a slide is.

    A file that is done is passed over, if it and its regions have the content that they had, and `settings`,
    plain values that say all that the result depends on, are what they were. `region` is the GeoJSON file of
    the image, or a folder with one for each. The output folder is made when the first image is through.

    What fails in one image (a file that cannot be read, an output that would lie over a file that is not its
    own, memory, an error of ours) is named, and the rest are done. Raises UserError if `output` cannot be
    written.
    """
    records = Records(output)
    for path in files:
        mpp = spacings.get(path)
        own = analysis if mpp is None else replace(analysis, mpp=mpp)
        said = "" if mpp is None else f", at {mpp} µm/px"
        one = _predicted(own, path, said, records, formats, settings, region, watcher or Silent())
        if one.slide or (one.problem and looks_like_a_slide(path)):
            row = {"slide": readable(path.name), "why": one.problem, **one.slide}
            note_slide(output, records.folder, path.stem, row)
        yield one


def _predicted(
    analysis: Analysis,
    path: Path,
    said: str,
    records: Records,
    formats: Sequence[str] | None,
    settings: Mapping[str, Any],
    region: Path | None,
    watcher: Watcher,
) -> Predicted:
    """One file, with what is `said` of it. Raises UserError if nothing can be written at all."""
    stem = path.stem
    records.discard(stem)
    try:
        regions = regions_file(region, stem) if region and region.is_dir() else region
        contents = content_hash(path) + said, content_hash(regions) if regions else None
        record = records.of(stem)
        kind = kind_of(path, analysis, records, watcher)
        wanted = kind.usual if formats is None else formats
        if record and record.is_of(*contents, settings) and set(wanted) <= set(record.files):
            return Predicted(path, record.rows, unreadable=record.unreadable, done_before=True)
        records.refuse_others(path, contents[0], kind.names(stem, wanted))
        found = kind.find(path, regions, {"image": contents[0], "regions": contents[1], "settings": settings})
    except Exception as error:
        return _failed(path, error)
    try:
        with records.staged(stem) as folder:
            written, rows = found.write(folder, stem, wanted)
            record = Record(full_path(path), *contents, settings, {}, rows, found.unreadable)
            records.publish(stem, written, record)
    except Exception as error:
        if isinstance(error, UserError) and not _is_of_one_name(error):
            raise
        return _failed(path, error)
    return Predicted(path, rows, found.mpp_is_stated, found.notes, found.unreadable, slide=found.slide)


def _failed(path: Path, error: Exception) -> Predicted:
    if isinstance(error, UserError):
        return Predicted(path, problem=readable(str(error)))
    if _is_of_memory(error):
        why = f"{path} needs more memory than there is: cut it into smaller images"
        return Predicted(path, problem=readable(why))
    why = f"{path} failed ({type(error).__name__}: {error}), which is a defect of maskless: please report it"
    return Predicted(path, problem=readable(why), defect=error)


def _is_of_memory(error: Exception) -> bool:
    said = str(error)  # PyTorch's on a CPU and OpenCV's are of no class of their own
    kinds = (MemoryError, torch.OutOfMemoryError)
    return isinstance(error, kinds) or "can't allocate memory" in said or "Insufficient memory" in said


def _is_of_one_name(error: UserError) -> bool:
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in _OF_ONE_NAME
