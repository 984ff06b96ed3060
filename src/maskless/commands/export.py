"""maskless export: a trained run as one file."""

from pathlib import Path

from maskless import __version__
from maskless.commands.compose import Config
from maskless.errors import UserError
from maskless.loading import load_stage
from maskless.model_file import SUFFIX, Header, write_model
from maskless.runs import Run


def run(config: Config) -> None:
    """Write the best weights of a run, with all that is needed to use them."""
    output = Path(config["output"])
    if output.suffix != SUFFIX:
        raise UserError(f"output={output} must end in {SUFFIX}: it says what kind of file it is")
    trained = Run.open(config["run"])
    stage = load_stage(trained, config["trust"])
    if not stage.trains:
        raise UserError(f"{trained.path} has learnt nothing, so there is nothing to export: use its method")
    header = Header(
        name=output.stem,
        method=trained.config["method"],
        mpp=trained.config.get("mpp"),
        trained_on=tuple(dict.fromkeys(str(data["name"]) for data in trained.data.values())),
        annotation=str(trained.about.get("annotation")),
        licence=config["licence"] or "; ".join(sorted({d["licence"] for d in trained.data.values()})),
        about=tuple(config["about"]),
        made_with={"maskless": __version__, "commit": str(trained.about.get("commit"))},
    )
    write_model(output, header, stage.state_dict())
    print(f"written to {output} ({output.stat().st_size / 2**20:.1f} MiB)")
