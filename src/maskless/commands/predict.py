"""maskless predict: images and whole slides in; labels, outlines, tables of nuclei and pictures out."""

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
from maskless.commands.compose import Config
from maskless.commands.objects import build_hardware, build_method, name_of, refuse_two_of, report_job
from maskless.commands.predict_asked import (
    SUBMISSION,
    files_of,
    formats_of,
    refuse_clashes,
    refuse_submission,
    stains_of,
)
from maskless.commands.predict_progress import PredictProgress
from maskless.commands.predict_said import introduced, lines, sentences
from maskless.commands.progress import bars
from maskless.commands.translated import put_together
from maskless.errors import PartlyDone, UserError
from maskless.inference.analysis import Analysis
from maskless.inference.claims import claimed
from maskless.inference.evidence import refuse_blind
from maskless.inference.files import Predicted, predict_files
from maskless.inference.records import Records, content_hash, unwritable
from maskless.inference.slide.table import write_slides_table
from maskless.inference.summary import SUMMARY, write_summary
from maskless.loading import as_segmenter, load, stored_stage
from maskless.model_file import known_model, model_path, read_header
from maskless.runs import Run
from maskless.segmenter import Segmenter
from maskless.spacing import spacing_of
from maskless.writers.cells import is_of_cells, join_cells


def run(config: Config) -> None:
    """Analyse every image; a bad one among several is reported and skipped, and PartlyDone says so."""
    mpp = spacing_of(config["mpp"], config["power"])
    formats, stains = formats_of(config["formats"]), stains_of(config)
    files, output = files_of(config), Path(config["output"])
    region = Path(config["region"]) if config["region"] else None
    refuse_clashes(files, output, region)
    classifier = build(config["classify"], config["trust"]) if config.get("classify") else None
    refuse_submission(output, formats, classifier)
    with claimed(output, files):
        analysis = Analysis(_segmenter(config), mpp, classifier, stains, "steps" in (formats or ()))
        refuse_blind(classifier, analysis.segmenter)
        _predict(config, analysis, files, output, formats, region)


def _predict(
    config: Config,
    analysis: Analysis,
    files: Mapping[Path, float | None],
    output: Path,
    formats: Sequence[str] | None,
    region: Path | None,
) -> None:
    settings = {
        "maskless": __version__,
        "model": _identity(config),
        "mpp": analysis.mpp,
        "classify": config.get("classify"),
        "stains": analysis.vectors,
    }
    console = get_console()  # that of the progress bar, which it prints above
    errors = console if bars(config["progress"]) and sys.stderr.isatty() else Console(stderr=True)
    if model := _model(config):
        _print(introduced(read_header(model)), console)
    if analysis.mpp is not None and getattr(analysis.segmenter, "mpp", None) is None:
        _print("what is used knows no scale of its own: the given one changes no outline, only µm²", console)
    done: list[Predicted] = []
    _forget_summary(output)
    try:
        with PredictProgress(len(files), config["progress"], lambda line: _print(line, console)) as progress:
            predicted = predict_files(
                analysis, list(files), output, formats, settings, region, progress, spacings=files
            )
            for one in predicted:
                done.append(one)
                progress.file()
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
    report_job(output)
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
        parts = [str(config[key]) for key in ("translator", "segmenter") if config[key]]
        runs = [Run.open(part) for part in parts if Path(part).is_dir()]
        weights = [model for part in parts if (model := model_path(part))]
        weights += [path for run in runs for path in _weights_of(run, config["trust"])]
        weights += _of_wrapped(config["method"], "the translated segmenter", config["trust"])
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
    method = run.config.get("method")
    if not checkpoints:
        return stored_stage(method, str(run.path), trust).files
    return [*checkpoints[:1], *_of_wrapped(method, str(run.path), trust)]


def _of_wrapped(method: Any, where: str, trust: Sequence[str]) -> Sequence[Path]:
    """The files of what a translation wraps. Of it alone: the generators may have a gigabyte of weights."""
    wrapped = method.get("then") if isinstance(method, Mapping) else None
    return stored_stage(wrapped, where, trust).files if wrapped else ()


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
    """Raise PartlyDone if images, or parts of slides, were skipped; the traceback of a defect is printed."""
    errors = Console(stderr=True)
    for one in done:
        if one.defect:
            _print("".join(traceback.format_exception(one.defect)), errors)
    missing = []
    if skipped := sum(one.problem is not None for one in done):
        missing.append(f"{skipped} of {len(done)} images were skipped")
    if partly := sum(one.unreadable is not None for one in done):
        them = "was not looked at where it is" if partly == 1 else "were not looked at where they are"
        missing.append(f"{partly} of {len(done)} slides {them} damaged")
    if missing:
        raise PartlyDone(f"{' and '.join(missing)}, as said above")


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
    write_slides_table(output, Records(output).folder)
    cells = [output / record.files["lyon19"][0] for record in done if "lyon19" in record.files]
    if cells and (is_of_cells(output / SUBMISSION) or not (output / SUBMISSION).exists()):
        join_cells(output / SUBMISSION, cells)
