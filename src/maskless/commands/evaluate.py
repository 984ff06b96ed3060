"""maskless evaluate: score a run, a model file, or a method that needs no training, image by image.

With search= its post-processing is tuned on validation images first; with classify= positive and negative
nuclei are told apart, the labelling index is compared with the true one, and positive cells with the true.
"""

import shutil
from pathlib import Path

from maskless.build import build
from maskless.classify import Classifier
from maskless.commands.compose import Config
from maskless.commands.labelling import print_labelling
from maskless.commands.objects import (
    build_hardware,
    build_method,
    build_source,
    build_sources,
    check_fit,
    create_run,
    name_of,
    refuse_problems,
    refuse_two_of,
)
from maskless.commands.positive_cells import print_positive_cells
from maskless.commands.scoring import print_scores, print_structure, score_into
from maskless.commands.translated import put_together, store
from maskless.commands.tuning import build_search, refuse_other_data, tune
from maskless.data.source import Source
from maskless.errors import UserError
from maskless.hardware import Hardware
from maskless.inference.evidence import refuse_blind
from maskless.inference.labelling import refuse_unclassed
from maskless.inference.positive_cells import refuse_hit
from maskless.inference.scoring import refuse_unscorable
from maskless.inference.search import ChainSearch
from maskless.loading import as_segmenter, load, model_stage, stored_stage
from maskless.methods.stage import Stage
from maskless.model_file import read_header, shipped
from maskless.runs import Run
from maskless.segmenter import MapSegmenter, Segmenter
from maskless.signals import Need, Role, Signal
from maskless.spacing import spacing_of


def run(config: Config) -> None:
    """Score what `run=`, `model=` or `method=` names on a part of its source; print the means over images."""
    hardware = build_hardware(config)
    search = build_search(config)
    classifier = build(config["classify"], config["trust"]) if config.get("classify") else None
    refuse_two_of("evaluate", config)
    refuse_hit(config["hit_um"])
    if config["mpp"] is not None and not config.get("method"):
        raise UserError("mpp= is for a method without training: a run or a model has learnt at its own µm/px")
    trained = bool(config["run"])
    begin = _of_run if trained else _untrained
    run, segmenter, source = begin(config, hardware, search, classifier)
    print(f"run: {run.path}")
    # A trained run is finished already: scoring it again changes nothing of that.
    with run.recorded(finished=trained and not config["chain"]):
        if search:
            tune(
                run,
                segmenter,
                source,
                search,
                part=config["part"],
                seed=config["seed"],
                progress=config["progress"],
            )
        rows = score_into(
            run,
            segmenter,
            source,
            config["part"],
            predictions=config["predictions"],
            progress=config["progress"],
            classifier=classifier,
            hit_um=config["hit_um"],
        )
    print_scores(rows)
    scored = {(row["source"], row["split"]) for row in rows}
    print_structure([r for r in run.structure if (r["source"], r["split"]) in scored])
    if classifier:
        print_labelling([r for r in run.labelling_indices if (r["source"], r["split"]) in scored])
        print_positive_cells(rows)


def _of_run(
    config: Config, hardware: Hardware, search: ChainSearch | None, classifier: Classifier | None
) -> tuple[Run, Segmenter, Source]:
    run = Run.open(config["run"])
    segmenter = load(run.path, config["trust"], hardware)
    spec = config.get("dataset") or _where_data_is(run.config.get("dataset"), config["data_root"])
    source = build_source(spec, config)
    refuse_problems([source])
    _refuse_unscorable(source, config)
    refuse_blind(classifier, segmenter)
    stored = _with_chain(run, config) if config["chain"] else None
    if stored:
        if not isinstance(segmenter, MapSegmenter):
            raise UserError(
                f"{run.path} ends in a segmenter with a post-processing of its own: leave out postprocess="
            )
        segmenter.chain = stored_stage(
            stored["method"], str(run.path), config["trust"]
        ).chain  # refuses a misfit
    if search:
        search.chain_of(segmenter, source)
        refuse_other_data(run, source, given=bool(config.get("dataset")))
    if stored:
        run = _beside(run, stored, config)  # made when all else has been checked
    return run, segmenter, source


def _refuse_unscorable(source: Source, config: Config) -> None:
    """Raise UserError if there is no truth to score against, or none of what classify= tells apart."""
    refuse_unscorable(source, config["part"])
    if config.get("classify"):
        refuse_unclassed(source, config["part"])


def _with_chain(run: Run, config: Config) -> Config:
    """The configuration of a trained run with the post-processing that is asked for."""
    stored = run.config
    if not isinstance(stored.get("method"), dict) or stored.get("model"):
        raise UserError(f"{run.path} has scored a model: postprocess= is for a run that was trained")
    if run.state.get("state") != "finished":
        raise UserError(
            f"{run.path} is not finished: a training goes on with maskless train resume={run.path}"
        )
    stored["method"]["chain"] = config["chain"]
    return stored


def _beside(run: Run, stored: Config, config: Config) -> Run:
    """A run of its own, with the weights of `run` and the configuration `stored`."""
    weights = run.best
    method, dataset = name_of(stored, "method"), name_of(stored, "dataset")
    name = f"{method}-{name_of(config, 'postprocess@chain')}-{dataset}-{stored.get('seed')}"
    study = config["study"] if config["study"] != "default" else run.about.get("study", "default")
    command, drawn = config["command"], run.about.get("annotation")
    made = Run.create(config["runs_dir"], study, name, stored, command, run.data, drawn)
    shutil.copyfile(weights, made.checkpoint("best"))
    return made


def _where_data_is(spec: Config | None, data_root: str | None) -> Config | None:
    """The source that a run was trained on, below today's data_root if it was found by one."""
    if data_root and spec and spec.get("data_root"):
        return {**spec, "data_root": data_root}
    return spec


def _untrained(
    config: Config, hardware: Hardware, search: ChainSearch | None, classifier: Classifier | None
) -> tuple[Run, Segmenter, Source]:
    stage, mpp, annotation = _described(config)
    sources = build_sources(config)
    if Role.MAIN not in sources:
        raise UserError("name what to score on: dataset=...")
    needs = stage.needs if annotation is None else {Need(Signal.IMAGE)}
    check_fit(config, needs, sources)
    refuse_problems(sources.values())
    main = sources[Role.MAIN]
    _refuse_unscorable(main, config)
    config["mpp"] = mpp or spacing_of(config["mpp"], None) or stage.trained_mpp or main.mpp
    segmenter = as_segmenter(stage, hardware, config["mpp"])
    refuse_blind(classifier, segmenter)
    if search:
        search.chain_of(segmenter, main)
    drawn = annotation or stage.drawn_by_others(main.staining)
    run = create_run(config, sources, needs, drawn)
    if config["translator"]:
        store(stage, run)
    return run, segmenter, main


def _described(config: Config) -> tuple[Stage, float | None, str | None]:
    """The stage that model=, translator= or method= names, its spacing and what a person had to draw."""
    if config["model"]:
        return _of_model(config)
    return put_together(config) if config["translator"] else _of_method(config)


def _of_method(config: Config) -> tuple[Stage, None, None]:
    stage = build_method(config)
    if stage.trains:
        raise UserError(
            f"method {name_of(config, 'method')} has to be trained first: maskless train, then run=runs/..."
        )
    return stage, None, None


def _of_model(config: Config) -> tuple[Stage, float | None, str]:
    """A model's stage, spacing and annotation; `config` gets its method, so that the run describes it."""
    stage = model_stage(config["model"], config["trust"])
    header = read_header(config["model"])
    if config["model"] not in shipped():
        config["model"] = str(Path(config["model"]).resolve())
    config["method"] = {**header.method, "trained_on": list(header.trained_on)}
    config["choices"] = {**config["choices"], "method": header.name}
    return stage, header.mpp, header.annotation
