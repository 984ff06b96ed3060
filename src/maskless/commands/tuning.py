"""What `search=` does to a run: the chain that is best on the validation images becomes its own."""

import logging
from collections.abc import Sequence

from maskless.build import build
from maskless.commands.compose import Config
from maskless.commands.progress import tracked
from maskless.data.fingerprint import describe
from maskless.data.source import Source
from maskless.errors import UserError
from maskless.inference.search import ChainSearch, Trial, observe
from maskless.postprocess.chain import Chain
from maskless.postprocess.parameters import changed, parameters_of
from maskless.runs import CHAIN, Run
from maskless.segmenter import MapSegmenter, Segmenter
from maskless.signals import Role


def build_search(config: Config) -> ChainSearch | None:
    """The search of a configuration, None if none is asked for."""
    if not config.get("search"):
        return None
    search = build(config["search"], config["trust"])
    if not isinstance(search, ChainSearch):
        raise UserError(
            "evaluate takes a search of chains, search=postprocess; one of trainings is for maskless optimise"
        )
    return search


def refuse_other_data(run: Run, source: Source, given: bool) -> None:
    """Raise UserError for a run that will change yet, and for a given source that is not the run's own."""
    if run.state.get("state") != "finished":
        raise UserError(
            f"{run.path} is not finished: a training goes on with maskless train resume={run.path}, anything "
            "else is begun anew; then search=postprocess"
        )
    own = run.data.get(Role.MAIN.value, {})
    if given and describe(source)["sha256"] != own.get("sha256"):
        raise UserError(
            f"search=postprocess tunes on the run's own source, {own.get('name')}, and dataset= names other "
            "data: leave dataset= out, and score the other data afterwards"
        )


def tune(
    run: Run,
    segmenter: Segmenter,
    source: Source,
    search: ChainSearch,
    *,
    part: str,
    seed: int,
    progress: bool,
) -> None:
    """Give the run, and the segmenter, the chain that is best on the validation images; say what changes.

    Where it is another chain, the scores and label maps that the earlier one made go, so that no table mixes
    the two. `part` of the source is about to be scored anew.
    """
    chain = search.chain_of(segmenter, source)
    assert isinstance(segmenter, MapSegmenter)
    observed = observe(segmenter, source, chain)
    images = list(tracked(observed, "validation maps", len(source.items("val")), progress))
    tried = search.run(chain, images, seed)
    trials = list(tracked(tried, f"search {search.metric}", search.trials, progress))
    best = search.best(trials)
    if best is not trials[0]:
        segmenter.chain = changed(chain, best.parameters)
        forgotten = set(run.forget_scores())
        if forgotten and (forgotten := forgotten - {(run.label(describe(source)), part)}):
            which = ", ".join(f"{label} {its_part}" for label, its_part in sorted(forgotten))
            _say(f"removed, because the earlier chain made them: the scores and label maps of {which}")
    rows = [
        {"trial": k, **trial.parameters, f"val_{search.metric}": trial.score}
        for k, trial in enumerate(trials)
    ]
    heading = _heading(search, trials, best, len(images))
    if best is not trials[0] or run.chain is None:  # what an earlier search found stays as it was written
        comment = f"{heading} (seed {seed}); without this file it is config.yaml's"
        run.choose_chain(changed(chain, best.parameters).spec, comment, rows)
    _say(heading)
    for line in _changes(chain, best):
        _say(f"  {line}")
    _say(f"the chain is {run.path / CHAIN}, the trials are in search.csv beside it")


def _heading(search: ChainSearch, trials: Sequence[Trial], best: Trial, images: int) -> str:
    where = f"validation {search.metric} over {images} images"
    if best is trials[0]:
        return f"{where}: {best.score:.4f}, and none of {len(trials) - 1} other chains is better"
    return f"{where}: {trials[0].score:.4f} -> {best.score:.4f}, the best of {len(trials)} chains"


def _changes(chain: Chain, best: Trial) -> list[str]:
    present = parameters_of(chain)
    return [
        f"{name}: {present[name]} -> {value}"
        for name, value in best.parameters.items()
        if value != present[name]
    ]


def _say(line: str) -> None:
    print(line)
    logging.getLogger("maskless").info(line)
