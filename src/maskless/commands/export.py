"""maskless export: a trained run as one file, or its network as an ONNX graph."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maskless import __version__, onnx_graph
from maskless.commands.compose import Config
from maskless.errors import UserError, did_you_mean
from maskless.loading import load_stage, without_beginnings
from maskless.methods.stage import Stage
from maskless.model_file import SUFFIX, Header, halved, write_model
from maskless.runs import Run
from maskless.signals import Role

#: The endings of what can be written.
_SUFFIXES = {"safetensors": SUFFIX, "onnx": onnx_graph.SUFFIX}


def run(config: Config) -> None:
    """Write the best weights of a run, with all that is needed to use them; or its dense maps as a graph."""
    output, kind = Path(config["output"]), config["format"]
    if kind not in _SUFFIXES:
        raise UserError(f"format={kind} cannot be written{did_you_mean(str(kind), _SUFFIXES)}")
    if output.suffix != _SUFFIXES[kind]:
        raise UserError(
            f"output={output} must end in {_SUFFIXES[kind]} with format={kind}: it says what kind of file it "
            "is"
        )
    if config["half"] and kind != "safetensors":
        raise UserError("half=true is for format=safetensors: a graph has the weights as they were trained")
    trained = Run.open(config["run"])
    if model := trained.config.get("model"):
        raise UserError(f"{trained.path} has only scored the model {model}: that is the file to use")
    stage = load_stage(trained, config["trust"])
    if not stage.trains:
        raise UserError(f"{trained.path} has learnt nothing, so there is nothing to export: use its method")
    header = _header(output.stem, config, trained, stage)
    if kind == "onnx":
        apart = onnx_graph.write_graph(output, stage.eval(), header)
        print(onnx_graph.not_inside(stage))
        print(f"checked: onnxruntime's maps differ from ours by {apart:.1g} at most")
        print(f"its chain, by name: {onnx_graph.graph_yaml(output)}")
    else:
        write_model(output, header, halved(stage.state_dict()) if config["half"] else stage.state_dict())
    print(f"written to {output} ({output.stat().st_size / 2**20:.1f} MiB)")
    if hashes := sum(map(_is_hash, header.trained_on)):
        print(
            f"{hashes} of the images that it has learnt from are in it by a hash of their file, so that "
            "tables can mark what it has seen; names, places and pixels are not"
        )


def _header(name: str, config: Config, trained: Run, stage: Stage) -> Header:
    about, learnt = config["about"], trained.learnt_data
    return Header(
        name=name,
        method=without_beginnings(trained.config["method"]),
        mpp=trained.config.get("mpp"),
        trained_on=tuple(sorted({*stage.trained_on, *trained.learnt_from})),
        annotation=str(trained.about.get("annotation") or "unknown"),
        licence=config["licence"] or "; ".join(sorted({d["licence"] for d in learnt.values()})) or "unknown",
        about=(about,) if isinstance(about, str) else tuple(map(str, about or ())),
        made_with={"maskless": __version__, "commit": str(trained.about.get("commit"))},
        learnt_from=_told(learnt),
    )


def _told(data: Mapping[str, Any]) -> tuple[str, ...]:
    """What a person is told of each source: its role, its name and how many images were learnt from."""
    told = []
    for role, about in data.items():
        images = len((about.get("parts") or {}).get("train", ()))
        role_of = "" if role == Role.MAIN else f"{role} "
        told.append(f"{role_of}{about['name']} ({images} image{'s' * (images != 1)})")
    return tuple(told)


def _is_hash(case: str) -> bool:
    return re.fullmatch("[0-9a-f]{16}", case) is not None
