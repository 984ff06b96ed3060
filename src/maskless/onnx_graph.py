"""A trained stage's dense maps as an ONNX graph, for programs without Python, PyTorch or maskless.

The graph takes pixels as they come, and gives the maps by name. What makes nuclei of them is not in it: the
chain lies beside it by name, in the graph's own metadata and in a YAML file.
"""

import importlib
import io
import json
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor, nn

from maskless.atomic import write_atomically
from maskless.errors import UserError
from maskless.methods.stage import Stage
from maskless.model_file import Header

SUFFIX = ".onnx"
#: The most by which a map of the graph may differ from ours.
TOLERANCE = 1e-4
_INPUT = "image"
#: The least side of what is shown to a network: those of which a side may be anything reflect at the edges.
_LEAST_PX = 64


def write_graph(path: Path, stage: Stage, header: Header) -> float:
    """Write the graph of a stage in evaluation mode and `graph_yaml(path)`; how far it is from the stage.

    Its input `image` is RGB, uint8 (B, H, W, 3), whose sides are multiples of `stage.multiple_px` (where the
    stage takes one size alone, that); its outputs are what `stage.graph_maps` gives, float32 (B, H, W) or
    (B, C, H, W). Before anything is written, onnxruntime has run it on other sizes than the one that it was
    traced with; the largest difference of a map is given back. Raises UserError if onnx or onnxruntime is
    missing, or if that is more than 1e-4.
    """
    onnx, runtime = _package("onnx"), _package("onnxruntime")
    network = _Graph(stage).eval()
    side = stage.graph_px
    least = -(-_LEAST_PX // stage.multiple_px) * stage.multiple_px
    one, other = least, least + stage.multiple_px
    graph = _traced(network, (side or one, side or one), dynamic=side is None)
    sizes = [(side, side)] if side else [(other, one), (one, 2 * one)]
    apart = max(_difference(runtime, graph, network, size) for size in sizes)
    if not apart <= TOLERANCE:
        raise UserError(
            f"onnxruntime's maps of {type(stage).__name__} differ from ours by {apart:.2g}, so {path} is not "
            "written: export the run as .safetensors"
        )
    about = described(stage, header, network.names)
    model = onnx.load_model_from_string(graph)
    entry = model.metadata_props.add()
    entry.key, entry.value = "maskless", json.dumps(about)
    write_atomically(graph_yaml(path), yaml.safe_dump(about, sort_keys=False, allow_unicode=True).encode())
    write_atomically(path, model.SerializeToString())
    return apart


def graph_yaml(path: Path) -> Path:
    """The file beside a graph that says what it is, and by which chain its maps become nuclei."""
    return path.with_name(f"{path.name}.yaml")


def described(stage: Stage, header: Header, maps: list[str]) -> dict[str, Any]:
    """What one has to know to use the graph, plain values: what a model file says, and what is not in it."""
    plain = json.loads(json.dumps(asdict(header)))
    return {
        "input": f"{_INPUT}: RGB, uint8 (B, H, W, 3), sides multiples of {stage.multiple_px}",
        "maps": maps,
        "chain": stage.chain.spec,
        "not_inside": not_inside(stage),
        **{key: value for key, value in plain.items() if key != "format"},
    }


def not_inside(stage: Stage) -> str:
    """What `maskless.load(...).segment` does beside what the graph does, in a sentence."""
    missing = [
        "the post-processing chain that makes nuclei of the maps",
        "resampling to the µm/px it was trained at",
        "cutting a large image into windows and stitching them",
    ]
    if stage.colour is not None:
        missing.append("the change of the whole image's colours")
    if stage.average != "none":
        missing.append(f"averaging over {stage.average}")
    missing.extend(stage.not_in_graph)
    return f"Not in the graph: {'; '.join(missing)}."


class _Graph(nn.Module):
    """Pixels uint8 (B, H, W, 3) to the maps of a stage, in the order of `names`."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.names: list[str] = []

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        maps = self.stage.graph_maps(self.stage.normalised(image.permute(0, 3, 1, 2).float() / 255))
        self.names = list(maps)
        return tuple(maps.values())


def _traced(network: _Graph, size: tuple[int, int], *, dynamic: bool) -> bytes:
    """The graph of a network by tracing it: a second, where torch.export takes a minute or refuses."""
    shown = torch.zeros(2, *size, 3, dtype=torch.uint8)
    with torch.no_grad():
        network(shown)  # says the names
    file: Any = io.BytesIO()  # which torch takes, and does not say
    axes = {0: "batch", 1: "height", 2: "width"} if dynamic else {0: "batch"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing in general; what it may miss, other sizes find
        torch.onnx.export(
            network,
            (shown,),
            file,
            input_names=[_INPUT],
            output_names=network.names,
            dynamic_axes={_INPUT: axes},
            opset_version=17,
            # Folding loses the weights of norms that are computed with; onnxruntime folds when it loads.
            do_constant_folding=False,
            dynamo=False,
        )
    graph: bytes = file.getvalue()
    return graph


def _difference(runtime: Any, graph: bytes, network: _Graph, size: tuple[int, int]) -> float:
    """The largest difference between the graph's maps of noise and ours; inf if their shapes differ."""
    image = np.random.default_rng(0).integers(0, 256, (1, *size, 3), dtype=np.uint8)
    with torch.inference_mode():
        ours = [values.numpy() for values in network(torch.from_numpy(image))]
    theirs = runtime.InferenceSession(graph, providers=["CPUExecutionProvider"]).run(None, {_INPUT: image})
    if [values.shape for values in ours] != [values.shape for values in theirs]:
        return float("inf")
    return max(float(np.abs(one - other).max()) for one, other in zip(ours, theirs, strict=True))


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(f"format=onnx needs {name}: pip install 'maskless[onnx]'") from error
