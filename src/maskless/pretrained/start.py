"""From a model and its weights to the function that segments an image, in this process or another."""

import runpy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from maskless.errors import UserError
from maskless.pretrained.catalogue import model
from maskless.pretrained.worker import Worker


def start(name: str, weights: Path, device: str, settings: Mapping[str, Any]) -> Callable[..., NDArray[Any]]:
    """Load a model of the catalogue: a function of RGB, uint8 (H, W, 3), at its scale, and of clicks if it
    needs them, float (N, 2), to labels (H, W).

    Raises UserError if it cannot be loaded, and the function if it fails.
    """
    spec = model(name)
    given = {**settings, "weights": str(weights.resolve()), "device": device}
    if spec.environment:
        return Worker(name, spec.environment.python, spec.path, given)
    try:
        segment: Callable[..., NDArray[Any]] = runpy.run_path(str(spec.path))["load"](**given)
    except Exception as error:  # whatever a package raises at a file that is none of its own
        raise UserError(f"{name} cannot be loaded: {' '.join(f'{error}'.split())[:300]}") from error
    return segment
