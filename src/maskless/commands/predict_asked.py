"""What a prediction is asked for, checked before any work: files, formats, stains, and no clash of names."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from maskless.arguments import misfit
from maskless.classify import Classifier
from maskless.commands.compose import Config
from maskless.errors import UserError, did_you_mean
from maskless.inference.inputs import inputs_of, share_of
from maskless.inference.kinds import ALL_FORMATS
from maskless.inference.slide.table import SLIDES
from maskless.inference.summary import SUMMARY, is_something_else
from maskless.measure import stain_columns
from maskless.stain import Vectors
from maskless.writers.cells import is_of_cells

#: The cells of all images, of which formats=lyon19 gives a file each.
SUBMISSION = "lyon19.csv"


def files_of(config: Config) -> dict[Path, float | None]:
    """The files to predict, and the spacing in µm/px of those of which a table says it.

    Raises UserError if there are none.
    """
    return dict(share_of(inputs_of(Path(config["input"])), config["share"]))


def formats_of(wanted: Sequence[Any] | None) -> list[str] | None:
    """The formats by name, each once; None for the usual ones. Raises UserError for others."""
    if wanted is None:
        return None
    if reason := misfit("formats", wanted, list):
        raise UserError(f"formats {reason}")
    for name in wanted:
        if name not in ALL_FORMATS:
            raise UserError(f"formats={name} cannot be written{did_you_mean(str(name), ALL_FORMATS)}")
    if not wanted:
        raise UserError(f"formats=[] writes nothing: choose from {', '.join(ALL_FORMATS)}")
    return list(dict.fromkeys(wanted))


def stains_of(config: Config) -> Vectors:
    """The stains to measure. Raises UserError for others."""
    chosen: Vectors = config["stains"] or ("H-DAB" if config.get("classify") else "H-E-DAB")
    stain_columns(chosen)
    return chosen


def refuse_clashes(files: Collection[Path], output: Path, region: Path | None) -> None:
    """Raise UserError where a file that is read could be overwritten, or regions do not fit the images."""
    if output.resolve() in {path.parent.resolve() for path in files}:
        raise UserError(
            f"output={output} is the folder of the images, which it could overwrite: name another"
        )
    if is_something_else(output / SUMMARY):
        raise UserError(
            f"{output / SUMMARY} is no summary of predictions, and would be overwritten: move it away, or "
            "choose another output="
        )
    named = [path for path in files if f"{path.stem}.csv" in (SUMMARY, SUBMISSION, SLIDES)]
    if named:
        raise UserError(
            f"{named[0]} would give a {named[0].stem}.csv, which is the table of all images: rename it"
        )
    if region is None:
        return
    if not region.exists():
        raise UserError(f"there is no file or folder {region}: give region=FILE.geojson or region=FOLDER")
    if (region if region.is_dir() else region.parent).resolve() == output.resolve():
        raise UserError(
            f"region={region} is in output={output}, which could overwrite it: name another output"
        )
    if region.is_file() and len(files) > 1:
        raise UserError(
            f"region={region} is of one image, and there are {len(files)}: give region=FOLDER with a "
            "NAME.geojson for each"
        )


def refuse_submission(output: Path, formats: Sequence[str] | None, classifier: Classifier | None) -> None:
    """Raise UserError where positive cells are to be listed and not told apart, or another file is there."""
    wanted = "lyon19" in (formats or ())
    if wanted and classifier is None:
        raise UserError("formats=lyon19 lists positive cells: tell them apart with classify=hsi, say")
    if wanted and (output / SUBMISSION).exists() and not is_of_cells(output / SUBMISSION):
        raise UserError(
            f"{output / SUBMISSION} is no list of cells, and would be overwritten: move it away, or choose "
            "another output="
        )
