"""maskless predict: image files in; labels, outlines, tables of nuclei and overlays out."""

import hashlib
import json
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import get_console
from rich.console import Console

from maskless import __version__
from maskless.build import build
from maskless.classify import Classifier
from maskless.commands.compose import Config
from maskless.commands.objects import build_hardware, build_method, name_of, refuse_two_of
from maskless.commands.predict_said import introduced, lines, sentences
from maskless.commands.progress import bars, tracked
from maskless.commands.translated import put_together
from maskless.errors import PartlyDone, UserError, did_you_mean
from maskless.inference.analysis import Analysis
from maskless.inference.evidence import refuse_blind
from maskless.inference.files import Predicted, image_files, predict_files
from maskless.inference.outputs import FORMATS
from maskless.inference.records import Records, content_hash, unwritable
from maskless.inference.summary import SUMMARY, is_something_else, write_summary
from maskless.loading import as_segmenter, load, stored_stage
from maskless.measure import stain_columns
from maskless.model_file import known_model, read_header
from maskless.runs import Run
from maskless.segmenter import Segmenter
from maskless.spacing import spacing_of
from maskless.stain import Vectors
from maskless.writers.cells import is_of_cells, join_cells

#: The cells of all images, of which formats=lyon19 gives a file each.
SUBMISSION = "lyon19.csv"


def run(config: Config) -> None:
    """Analyse every image; a bad one among several is reported and skipped, and PartlyDone says so."""
    mpp = spacing_of(config["mpp"], config["power"])
    formats, stains = _formats(config["formats"]), _stains(config)
    files, output = image_files(Path(config["input"])), Path(config["output"])
    region = Path(config["region"]) if config["region"] else None
    _refuse_clashes(files, output, region)
    classifier = build(config["classify"], config["trust"]) if config.get("classify") else None
    _refuse_submission(output, formats, classifier)
    analysis = Analysis(_segmenter(config), mpp, classifier, stains, "steps" in formats)
    refuse_blind(classifier, analysis.segmenter)
    settings = {
        "maskless": __version__,
        "model": _identity(config),
        "mpp": mpp,
        "classify": config.get("classify"),
        "stains": stains,
    }
    console = get_console()  # that of the progress bar, which it prints above
    errors = console if bars(config["progress"]) and sys.stderr.isatty() else Console(stderr=True)
    if model := _model(config):
        _print(introduced(read_header(model)), console)
    if mpp is not None and getattr(analysis.segmenter, "mpp", None) is None:
        _print("what is used knows no scale of its own: the given one changes no outline, only µm²", console)
    done: list[Predicted] = []
    _forget_summary(output)
    try:
        predicted = predict_files(analysis, files, output, formats, settings, region)
        for one in tracked(predicted, "predict", len(files), config["progress"]):
            done.append(one)
            for line in lines(one):
                _print(line, console)
            if one.problem and len(files) > 1:
                _print(f"skipped: {one.problem}", errors)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(
            f"interrupted with {len(done)} of {len(files)} images done: the same command goes on from there"
        ) from interrupt
    finally:
        _summarise(output, settings)
    _refuse_nothing(done)
    for sentence in sentences(done, output):
        _print(sentence, console)
    _say_skipped(done)


# -- what is asked -------------------------------------------------------------------------------------------


def _segmenter(config: Config) -> Segmenter:
    hardware = build_hardware(config)
    refuse_two_of("predict", config)
    if stored := config["run"] or _model(config):
        return load(stored, config["trust"], hardware)
    if config["translator"]:
        stage, trained_mpp, _ = put_together(config)
        return as_segmenter(stage, hardware, trained_mpp)
    stage = build_method(config)
    if stage.trains:
        raise UserError(
            f"method {name_of(config, 'method')} has to be trained first: maskless train, then run=runs/..."
        )
    return as_segmenter(stage, hardware, None)


def _model(config: Config) -> Path | None:
    """The file of the model that was asked for. Raises UserError if there is none."""
    return known_model(config["model"]) if config["model"] else None


def _identity(config: Config) -> str:
    """A hash of all that the segmentation depends on, wherever it lies: method, weights, precision."""
    described: dict[str, Any] = {"precision": build_hardware(config).resolved_precision}
    weights: Sequence[Path] = []
    if config["run"]:
        opened = Run.open(config["run"])
        described |= {"method": opened.config.get("method"), "mpp": opened.config.get("mpp")}
        weights = _weights_of(opened, config["trust"])
    elif model := _model(config):
        weights = [model]
    elif config["translator"]:
        parts = [Path(str(config[key])) for key in ("translator", "segmenter") if config[key]]
        runs = [Run.open(path) for path in parts if path.is_dir()]
        weights = [path for path in parts if path.is_file()]
        weights += [path for run in runs for path in _weights_of(run, config["trust"])]
        described["method"] = config["method"]
    else:
        described["method"] = config["method"]
        weights = build_method(config).files
    described["weights"] = [content_hash(path) for path in weights if path.is_file()]
    return hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest()


def _weights_of(run: Run, trust: Sequence[str]) -> Sequence[Path]:
    """The files of the weights that a run is used with, none of a method without any."""
    if stored := run.config.get("model"):
        return [known_model(stored)]
    checkpoints = [path for name in ("best", "last") if (path := run.checkpoint(name)).is_file()]
    return checkpoints[:1] or stored_stage(run.config.get("method"), str(run.path), trust).files


def _formats(wanted: Sequence[Any]) -> list[str]:
    for name in wanted:
        if name not in FORMATS:
            raise UserError(f"formats={name} cannot be written{did_you_mean(str(name), FORMATS)}")
    if not wanted:
        raise UserError(f"formats=[] writes nothing: choose from {', '.join(FORMATS)}")
    return list(dict.fromkeys(wanted))


def _stains(config: Config) -> Vectors:
    chosen: Vectors = config["stains"] or ("H-DAB" if config.get("classify") else "H-E-DAB")
    stain_columns(chosen)
    return chosen


def _refuse_clashes(files: Sequence[Path], output: Path, region: Path | None) -> None:
    """Raise UserError where a file that is read could be overwritten, or regions do not fit the images."""
    if output.resolve() == files[0].parent.resolve():
        raise UserError(
            f"output={output} is the folder of the images, which it could overwrite: name another"
        )
    if is_something_else(output / SUMMARY):
        raise UserError(
            f"{output / SUMMARY} is no summary of predictions, and would be overwritten: move it away, or "
            "choose another output="
        )
    named = [path for path in files if f"{path.stem}.csv" in (SUMMARY, SUBMISSION)]
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


def _refuse_submission(output: Path, formats: Sequence[str], classifier: Classifier | None) -> None:
    """Raise UserError where positive cells are to be listed and not told apart, or another file is there."""
    if "lyon19" in formats and classifier is None:
        raise UserError("formats=lyon19 lists positive cells: tell them apart with classify=hsi, say")
    if "lyon19" in formats and (output / SUBMISSION).exists() and not is_of_cells(output / SUBMISSION):
        raise UserError(
            f"{output / SUBMISSION} is no list of cells, and would be overwritten: move it away, or choose "
            "another output="
        )


# -- what is said --------------------------------------------------------------------------------------------


def _print(line: str, console: Console) -> None:
    """As it is: names may hold anything."""
    console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)


def _refuse_nothing(done: Sequence[Predicted]) -> None:
    """Raise what went wrong if no image is through."""
    if all(one.problem for one in done):
        for one in done:
            if one.defect:
                raise one.defect
        why = done[0].problem if len(done) == 1 else f"all {len(done)} images were skipped"
        raise UserError(f"nothing was segmented: {why}")


def _say_skipped(done: Sequence[Predicted]) -> None:
    """Raise PartlyDone if images were skipped; the traceback of a defect is printed."""
    errors = Console(stderr=True)
    for one in done:
        if one.defect:
            _print("".join(traceback.format_exception(one.defect)), errors)
    if skipped := sum(one.problem is not None for one in done):
        raise PartlyDone(f"{skipped} of {len(done)} images were skipped, as said above")


# -- the summary ---------------------------------------------------------------------------------------------


def _forget_summary(output: Path) -> None:
    """Without it, a prediction that is killed is plainly unfinished."""
    try:
        (output / SUMMARY).unlink(missing_ok=True)
        if is_of_cells(output / SUBMISSION):
            (output / SUBMISSION).unlink()
    except OSError as error:
        raise unwritable(output, error) from error


def _summarise(output: Path, settings: Mapping[str, Any]) -> None:
    """Write the rows of all images in the folder that were analysed with these settings, by name, and the
    cells of all that have their list."""
    done = list(Records(output).with_settings(settings))
    if rows := [row for record in done for row in record.rows]:
        write_summary(output, rows)
    cells = [output / record.files["lyon19"][0] for record in done if "lyon19" in record.files]
    if cells and not (output / SUBMISSION).exists():
        join_cells(output / SUBMISSION, cells)
