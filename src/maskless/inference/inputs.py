"""Which files to predict: one, those of a folder, or those of a list; all of them, or a share."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from maskless.data.images import SUFFIXES
from maskless.data.slide_table import SUFFIXES as SLIDE_SUFFIXES
from maskless.data.slide_table import TABLE, listed_slides, slide_files
from maskless.data.slides import is_slide
from maskless.errors import UserError
from maskless.spacing import spacing_of


class Input(NamedTuple):
    """A file to predict, and its pixel spacing in µm/px if a table says that."""

    path: Path
    mpp: float | None = None


def inputs_of(path: Path) -> list[Input]:
    """The file itself; the images and slides straight in a folder, by name; or the files that a list names.

    A list is a .txt with a path a line, from its folder, or a .csv as `slide_files` reads it, with a column
    `slide`. Such a table of the name slides.csv in a folder says the spacing of the slides there, in any of
    these ways to name them. Raises UserError if there are none, and where outputs, named by what stands
    before the ending, would clash.
    """
    if path.is_dir():
        inside = sorted(f for f in path.iterdir() if f.is_file() and not f.name.startswith("."))
        files = [f for f in inside if f.suffix.lower() in SUFFIXES | SLIDE_SUFFIXES or is_slide(f)]
        if not files:
            raise UserError(f"{path} holds no images ({', '.join(sorted(SUFFIXES))}) and no slides")
        said = _said_in(path)
        found = [Input(file, said.get(file)) for file in files]
    elif not path.is_file():
        raise UserError(f"there is no file or folder {path}: give input=FILE or input=FOLDER")
    elif path.suffix.lower() == ".csv":
        found = [Input(one.path, spacing_of(one.mpp, one.power)) for one in listed_slides(path)]
    elif path.suffix.lower() == ".txt":
        found = _by_themselves([path.parent / line for line in _lines(path)])
    else:
        return _by_themselves([path])
    if not found:
        raise UserError(f"{path} names no file")
    stems = [one.path.stem for one in found]
    if same := sorted({stem for stem in stems if stems.count(stem) > 1}):
        raise UserError(f"{path} holds images that differ in their ending alone ({same[0]}): rename one")
    return found


def share_of(files: Sequence[Input], share: str | None) -> list[Input]:
    """Every N-th file from the K-th on, by a share 'K/N', K from 0; all by None. Raises UserError else."""
    if share is None:
        return list(files)
    said = re.fullmatch(r"(\d+)/(\d+)", str(share))
    if not said or int(said[1]) >= int(said[2]):
        raise UserError(
            f"share={share} is none: share=0/4, 1/4, 2/4 and 3/4 are the four quarters of the files"
        )
    return list(files[int(said[1]) :: int(said[2])])


def looks_like_a_slide(path: Path) -> bool:
    """Whether a file is a whole slide, or a damaged one by its name."""
    return path.suffix.lower() in SLIDE_SUFFIXES - SUFFIXES or is_slide(path)


def _said_in(folder: Path) -> dict[Path, float | None]:
    """The spacings in µm/px that a table in the folder says of slides, if it has one."""
    if not (folder / TABLE).is_file():
        return {}
    return {one.path: spacing_of(one.mpp, one.power) for one in slide_files(folder)}


def _by_themselves(files: Sequence[Path]) -> list[Input]:
    """Files, of whose folders nothing else is wanted: a table there is read if one is of a slide."""
    said = {
        folder: _said_in(folder)
        for folder in {file.parent for file in files}
        if (folder / TABLE).is_file()
        and any(looks_like_a_slide(file) for file in files if file.parent == folder)
    }
    return [Input(file, said.get(file.parent, {}).get(file)) for file in files]


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as a list of files, a path a line, in UTF-8") from error
    return [line.strip() for line in lines if line.strip()]
