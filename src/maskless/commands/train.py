"""maskless train: compose, check, train, score."""

from collections.abc import Mapping

from maskless.commands.compose import Config, refuse_misfits
from maskless.commands.objects import (
    build_hardware,
    build_logger,
    build_method,
    build_source,
    build_sources,
    check_fit,
    create_run,
    descriptions,
    name_of,
    refuse_problems,
    report_job,
)
from maskless.commands.progress import bars, tracked
from maskless.commands.scoring import mean_of, print_scores, score_into, table_of
from maskless.commands.stages import choose_stage, refuse_missing
from maskless.commands.translated import give_weights, wrap_segmenter
from maskless.commands.words import key_of
from maskless.data.datamodule import TrainingSet
from maskless.data.scale import training_spacing
from maskless.data.scales import finest
from maskless.data.source import Source
from maskless.data.transforms import Pipeline
from maskless.errors import UserError, did_you_mean
from maskless.hardware import Hardware
from maskless.inference.scoring import refuse_unscorable
from maskless.loading import as_segmenter, read_checkpoint, refuse_foreign_weights, without_beginnings
from maskless.methods.stage import LAST, LOSS, Stage
from maskless.metrics import HIGHER_IS_BETTER
from maskless.runs import Run
from maskless.signals import Role
from maskless.spacing import spacing_of
from maskless.training.loggers.tracking import Tracking, closed
from maskless.training.train_method import train_method
from maskless.training.train_stage import seed_networks

#: What a resumed run takes from the command line, and its hardware if that is given; all else is as it was.
OF_TODAY = ("trust", "progress")


def run(config: Config) -> float | None:
    """Train, score, and return the mean validation score that chose the model, if there is one."""
    resumed = Run.open(config["resume"]) if config["resume"] else None
    if resumed:
        config = _stored(resumed, config)
    given = choose_stage(config) if not resumed else None
    if config["checkpoint_every"] < 1:
        raise UserError(f"checkpoint_every={config['checkpoint_every']} steps must be at least 1")
    hardware, logger = build_hardware(config), build_logger(config)
    sources = build_sources(config)
    tests = {name: build_source(spec, config) for name, spec in config["test"].items()}
    # Before its first checkpoint a run has no weights of what it wraps.
    part = None if resumed and resumed.checkpoint("last").is_file() else wrap_segmenter(config)
    seed_networks(config["seed"])
    stage = build_method(config)
    give_weights(stage, part)
    of_powers = next((finest(part.powers) for part in stage.stages if part.powers), None)
    known = stage.trained_mpp or of_powers or training_spacing(sources[Role.MAIN])
    config["mpp"] = spacing_of(config["mpp"]) or known
    check_fit(config, stage.source_needs, sources)
    if given:
        given.refuse_misfit(sources[Role.MAIN], config["mpp"])
    refuse_problems([*sources.values(), *tests.values()])
    for source in tests.values():
        refuse_unscorable(source, "test")
    _refuse_untrainable(stage, sources, config["mpp"])
    stage.refuse_unready()
    _say_unchosen(stage, sources[Role.MAIN])
    for role, source in sources.items():
        if config["mpp"] and training_spacing(source) is None:
            print(
                f"{role}: {source.name} does not state the µm/px of all its images, so they are not resampled"
            )
    if resumed:
        _refuse_changed(resumed, sources, stage)
        refuse_missing(config, resumed, stage)

    drawn = part.annotation if part else stage.drawn_by_others(sources[Role.MAIN].staining)
    run = resumed or create_run(config, sources, stage.source_needs, drawn)
    if given:
        given.hand_over(run)
    print(f"run: {run.path}")
    if resumed and resumed.state.get("state") != "finished":
        resumed.forget_scores()  # of weights that are about to change
    tracking = Tracking(logger, run, _job(config, stage)) if logger else None
    with run.recorded(), closed(tracking):
        value = _train_and_score(
            config, run, stage, sources, tests, hardware, resume=resumed is not None, tracking=tracking
        )
        if tracking:
            tracking.table(table_of(run.scores))
    report_job(run.path, value)
    return value


def _stored(run: Run, config: Config) -> Config:
    """The configuration of the run to go on with. Raises UserError for options that would have no effect."""
    if "evaluate" in run.about.get("command", ())[:2]:
        raise UserError(f"{run.path} is no training, so there is nothing to go on with: evaluate again")
    overrides = (word for word in config["command"][2:] if not word.startswith("-"))
    words = [word for word in overrides if "=" in word or word.startswith("~")]
    moved = any(word.startswith("hardware=") for word in words)
    for word in words:
        key = key_of(word)
        if key not in ("resume", *OF_TODAY) and not (moved and key.startswith("hardware")):
            raise UserError(
                f"resume goes on with the run's own configuration: {word} has no effect, leave it out"
            )
    today = (*OF_TODAY, "hardware") if moved else OF_TODAY
    stored = {**run.config, **{key: config[key] for key in today}}
    refuse_misfits("train", stored)
    refuse_foreign_weights(stored["method"], str(run.path), stored["trust"])
    if run.checkpoint("last").is_file():
        read_checkpoint(run.checkpoint("last"))
        stored["method"] = without_beginnings(stored["method"])  # which would be fetched again
    if "mode" in (stored.get("logger") or {}):  # whoever made the run does not say what leaves this machine
        stored["logger"] = {**stored["logger"], "mode": None}
    return stored


def _refuse_changed(run: Run, sources: Mapping[Role, Source], stage: Stage) -> None:
    """Raise UserError if the data is not what the run began with, or if its process is still at it."""
    for role, described in descriptions(sources, stage.source_needs).items():
        if described["sha256"] != run.data.get(role.value, {}).get("sha256"):
            raise UserError(
                f"{described['name']} has changed since {run.path} began, so it cannot go on as it would "
                "have: bring the files back, or train anew"
            )
    if run.at_work:
        raise UserError(f"process {run.state['pid']} is still at work on {run.path}: stop it first")


def _refuse_untrainable(stage: Stage, sources: Mapping[Role, Source], mpp: float | None) -> None:
    """Raise UserError if there is nothing to learn from, or its augmentation or selection cannot be."""
    if stage.trains:
        for part in stage.stages:
            if part.selection not in (LOSS, LAST, *HIGHER_IS_BETTER):
                near = did_you_mean(part.selection, [LOSS, LAST, *HIGHER_IS_BETTER])
                raise UserError(f"selection={part.selection!r} is no score{near}")
            if not 0 <= part.selection_from < part.epochs:
                raise UserError(
                    f"selection_from={part.selection_from} leaves none of the {part.epochs} epochs to choose "
                    "from: they are counted from 0; set method.selection_from="
                )
            pipelines = {role: Pipeline(part.augments(role), part.crop_px) for role in sources}
            TrainingSet(
                sources,
                part.needs,
                pipelines,
                seed=0,
                stage="",
                labeller=part.labels,
                mpp=mpp,
                powers=part.powers,
            )


def _say_unchosen(stage: Stage, source: Source) -> None:
    """Say which validation scores cannot choose a checkpoint, for want of images with known nuclei."""
    if stage.trains and not source.scorable("val"):
        chosen = (part.selection for part in stage.stages if part.selection not in (LOSS, LAST))
        for selection in dict.fromkeys(chosen):
            print(
                f"selection={selection} has nothing to choose by: {source.name} has no validation images "
                "with instances, so the last weights are kept; method.selection=loss keeps those of the "
                "least loss"
            )


def _taken(config: Config, stage: Stage) -> list[str]:
    """The stages of a method that an earlier run has trained."""
    # stage= is stored where the stages before it came from an earlier run, and nowhere else.
    return [part.called for part in stage.stages[:-1]] if config["stage"] else []


def _job(config: Config, stage: Stage) -> str:
    """What a run does, by the stages that it trains: spn+ien; the name of a method of one."""
    taken = _taken(config, stage)
    names = [part.called for part in stage.stages if part.called and part.called not in taken]
    return "+".join(names) or name_of(config, "method")


def _train_and_score(
    config: Config,
    run: Run,
    stage: Stage,
    sources: dict[Role, Source],
    tests: dict[str, Source],
    hardware: Hardware,
    resume: bool,
    tracking: Tracking | None,
) -> float | None:
    if stage.trains:
        train_method(
            stage,
            sources,
            run,
            hardware,
            name=name_of(config, "method"),
            seed=config["seed"],
            mpp=config["mpp"],
            checkpoint_every=config["checkpoint_every"],
            taken=_taken(config, stage),
            resume=resume,
            progress=bars(config["progress"]),
            tracked=lambda items, what: tracked(items, what, wanted=config["progress"]),
            tracking=tracking,
        )
    main = sources[Role.MAIN]
    segmenter = as_segmenter(stage, hardware, config.get("mpp"))
    value = None
    if main.scorable("val"):
        rows = score_into(run, segmenter, main, "val", predictions=False, progress=config["progress"])
        print_scores(rows)
        value = mean_of(rows, stage.selection) if stage.selection not in (LOSS, LAST) else None
    for source in tests.values():
        print_scores(
            score_into(run, segmenter, source, "test", predictions=True, progress=config["progress"])
        )
    return value
