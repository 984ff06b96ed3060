"""maskless pretrained: other people's models, what they are and what is missing; and their installation."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from rich.console import Console

from maskless.commands.compose import Config
from maskless.paths import CONF
from maskless.pretrained.catalogue import MODELS, Model, environment


def run(config: Config) -> None:
    """Install what a model needs, or print what there is to know of each.

    Raises UserError for a model that there is not, and for an installation that fails.
    """
    console = Console(soft_wrap=True)
    if config["install"]:
        made = environment(str(config["install"]))
        if not made.installed:
            made.install()
        using = {name: model for name, model in MODELS.items() if model.environment == made}
        console.print(
            f"installed in {made.folder}, which you can delete at any time", highlight=False, markup=False
        )
        for name, model in using.items():
            console.print(f"{name}: {_weights(model)}", highlight=False, markup=False)
        return
    for name, model in MODELS.items():
        settings = yaml.safe_load((CONF / "method" / f"{name}.yaml").read_text(encoding="utf-8"))
        console.print("\n".join([*_lines(name, model, settings), ""]), highlight=False, markup=False)


def _lines(name: str, model: Model, settings: Mapping[str, Any]) -> Iterator[str]:
    yield f"method={name}: {model.title}, for {' and '.join(model.stains)}, at {settings['mpp']:g} µm/px"
    cases = [word for word in settings["trained_on"] if word.startswith("TCGA-")]
    sets = [word for word in settings["trained_on"] if word not in cases]
    yield f"  trained on: {', '.join([*sets, *[f'{len(cases)} fields of monuseg'] * bool(cases)])}"
    yield f"  licence: {model.licence}"
    yield f"  cite: {model.paper}"
    where = f", in {model.environment.folder}" if model.environment else ", beside maskless"
    yield f"  packages: {f'installed{where}' if model.installed else f'not installed: {model.install(name)}'}"
    yield f"  weights: {_weights(model)}"


def _weights(model: Model) -> str:
    path = model.weights_path
    return f"missing, expected at {path}: {model.get}" if model.lacks(path) else f"there, at {path}"
