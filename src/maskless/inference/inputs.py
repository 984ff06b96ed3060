"""Which files to predict: one, those of a folder, or those of a list; all of them, or a share."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from maskless.data.images import SUFFIXES
from maskless.data.slides import is_slide
from maskless.errors import UserError

#: Endings of files that are slides and nothing else, as their scanners' makers have them.
SLIDE_SUFFIXES = frozenset({".svs", ".ndpi", ".mrxs", ".scn", ".vms", ".vmu", ".bif", ".svslide"})
_LISTS = (".txt", ".csv")
#: The column of a CSV with the files.
_COLUMN = "path"


def input_files(path: Path) -> list[Path]:
    """The file itself; the images and slides straight in a folder, by name; or the files that a list names.

    A list is a .txt with a path a line, or a .csv with a column `path`; paths are relative to its folder.
    Raises UserError if there are none, and if outputs, which are named by what stands before the ending,
    would clash.
    """
    if path.is_dir():
        inside = sorted(f for f in path.iterdir() if f.is_file() and not f.name.startswith("."))
        files = [f for f in inside if f.suffix.lower() in SUFFIXES or looks_like_a_slide(f)]
        if not files:
            raise UserError(f"{path} holds no images ({', '.join(sorted(SUFFIXES))}) and no slides")
    elif not path.is_file():
        raise UserError(f"there is no file or folder {path}: give input=FILE or input=FOLDER")
    elif path.suffix.lower() in _LISTS:
        files = _listed(path)
    else:
        return [path]
    same = sorted({f.stem for f in files if sum(g.stem == f.stem for g in files) > 1})
    if same:
        raise UserError(f"{path} holds images that differ in their ending alone ({same[0]}): rename one")
    return files


def looks_like_a_slide(path: Path) -> bool:
    """Whether a file is a whole slide, or a damaged one by its name."""
    return path.suffix.lower() in SLIDE_SUFFIXES or is_slide(path)


def share_of(files: Sequence[Path], share: str | None) -> list[Path]:
    """Every N-th file from the K-th on, by a share 'K/N', K from 0; all by None. Raises UserError else."""
    if share is None:
        return list(files)
    said = re.fullmatch(r"(\d+)/(\d+)", str(share))
    if not said or int(said[1]) >= int(said[2]):
        raise UserError(
            f"share={share} is K/N, K from 0 to N - 1: share=0/4 to share=3/4 are four parts of the files"
        )
    return list(files[int(said[1]) :: int(said[2])])


def _listed(path: Path) -> list[Path]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} cannot be read as a list of files: a path a line is wanted, in UTF-8"
        ) from error
    if path.suffix.lower() == ".csv":
        rows = csv.DictReader(lines)
        if _COLUMN not in (rows.fieldnames or ()):
            raise UserError(f"{path} has no column {_COLUMN!r} that names the files")
        names = [row[_COLUMN] or "" for row in rows]
    else:
        names = lines
    files = [path.parent / name.strip() for name in names if name.strip()]
    if not files:
        raise UserError(f"{path} names no file")
    return files
