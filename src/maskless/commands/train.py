"""maskless train: compose, check, train, score."""

from maskless.build import build
from maskless.commands.compose import (
    Config,
    build_method,
    build_sources,
    check_fit,
    create_run,
    name_of,
    refuse_problems,
    report_job,
)
from maskless.commands.scoring import mean_of, print_scores, score_into
from maskless.data.source import Source
from maskless.hardware import Hardware
from maskless.load import as_segmenter
from maskless.methods.stage import Stage
from maskless.runs import Run
from maskless.signals import Role, Signal
from maskless.training.train_stage import seed_networks, train_stage


def run(config: Config) -> float | None:
    """Train, score, and return the mean validation score that chose the model, if there is one."""
    resumed = Run.open(config["resume"]) if config["resume"] else None
    if resumed:
        config = {**resumed.config, "trust": config["trust"], "progress": config["progress"]}
    hardware = Hardware(**config["hardware"])
    sources = build_sources(config)
    tests = {name: build(spec, config["trust"]) for name, spec in config["test"].items()}
    seed_networks(config["seed"])
    stage = build_method(config)
    check_fit(name_of(config, "method"), stage.needs, sources)
    refuse_problems([*sources.values(), *tests.values()])

    run = resumed or create_run(config, sources)
    print(f"run: {run.path}")
    with run.recorded():
        value = _train_and_score(config, run, stage, sources, tests, hardware, resume=resumed is not None)
    report_job(run, value)
    return value


def _train_and_score(
    config: Config,
    run: Run,
    stage: Stage,
    sources: dict[Role, Source],
    tests: dict[str, Source],
    hardware: Hardware,
    resume: bool,
) -> float | None:
    if stage.trains:
        train_stage(
            stage,
            sources,
            run,
            hardware,
            name=name_of(config, "method"),
            seed=config["seed"],
            checkpoint_every=config["checkpoint_every"],
            resume=resume,
            progress=config["progress"],
        )
    main = sources[Role.MAIN]
    segmenter = as_segmenter(stage, hardware, config["mpp"])
    value = None
    if Signal.INSTANCES in main.offers and main.items("val"):
        rows = score_into(run, segmenter, main, "val", predictions=False, progress=config["progress"])
        print_scores(rows)
        value = mean_of(rows, stage.selection)
    for source in tests.values():
        print_scores(
            score_into(run, segmenter, source, "test", predictions=True, progress=config["progress"])
        )
    return value
