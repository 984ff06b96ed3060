"""maskless predict: image files in; label TIFF, GeoJSON and overlay out."""

from pathlib import Path

from rich.console import Console

from maskless.commands.compose import Config
from maskless.commands.objects import build_hardware, build_method, name_of
from maskless.commands.progress import tracked
from maskless.errors import PartlyDone, UserError, first_three
from maskless.inference.files import image_files, predict_files
from maskless.loading import as_segmenter, load
from maskless.segmenter import Segmenter

#: Beyond these, a pixel spacing is in another unit (nm, or 40 for 40x).
PLAUSIBLE_MPP = (0.02, 20.0)


def run(config: Config) -> None:
    """Segment every image; a bad one among several is reported and skipped, and PartlyDone says so."""
    mpp = _plausible(config["mpp"])
    files = image_files(Path(config["input"]))
    output = Path(config["output"])
    if output.resolve() == files[0].parent.resolve():
        raise UserError(
            f"output={output} is the folder of the images, which it could overwrite: name another"
        )
    segmenter = _segmenter(config)
    console = Console(soft_wrap=True)
    problems = []
    predicted = predict_files(segmenter, files, output, mpp)
    for one in tracked(predicted, "predict", len(files), config["progress"]):
        if one.problem is None:
            console.print(f"{one.path.name}: {one.nuclei} nuclei", highlight=False, markup=False)
        else:
            problems.append(one.problem)
    if len(problems) == len(files):
        raise UserError(f"nothing was segmented: {first_three(problems)}")
    console.print(f"written to {output}", highlight=False, markup=False)
    if problems:
        raise PartlyDone(f"{len(problems)} of {len(files)} images were skipped: {first_three(problems)}")


def _segmenter(config: Config) -> Segmenter:
    hardware = build_hardware(config)
    if config["run"]:
        if config.get("method"):
            raise UserError("predict takes run= or method=, not both: a run knows its method")
        return load(config["run"], config["trust"], hardware)
    stage = build_method(config)
    if stage.trains:
        raise UserError(
            f"method {name_of(config, 'method')} has to be trained first: maskless train, then run=runs/..."
        )
    return as_segmenter(stage, hardware, None)


def _plausible(mpp: float | None) -> float | None:
    if mpp is None:
        return None
    low, high = PLAUSIBLE_MPP
    if isinstance(mpp, bool) or not isinstance(mpp, int | float) or not low <= mpp <= high:
        raise UserError(
            f"mpp={mpp} is no pixel spacing in µm: 40x is 0.25, 20x is 0.5; between {low:g} and {high:g}"
        )
    return float(mpp)
