"""Which numbers of a post-processing chain suit a network: tried on the validation images, whose maps are
computed once."""

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskless.data.derive import complete
from maskless.data.source import Source
from maskless.errors import UserError, did_you_mean
from maskless.metrics import HIGHER_IS_BETTER, STANDARD, aji, all_scores, object_dice
from maskless.postprocess.chain import Chain
from maskless.postprocess.parameters import changed, parameters_of, space_around
from maskless.segmenter import MapSegmenter, Segmenter
from maskless.signals import Signal
from maskless.spacing import same_spacing

#: Results of steps that are kept from chain to chain, over all images.
KEPT_BYTES = 512 * 2**20
#: How often the sampler may propose what was tried before, until there is taken to be nothing new.
ASKS = 100

#: Metrics that take a small part of the time of all scores when they are computed alone.
_ALONE: Mapping[str, Callable[[NDArray, NDArray, NDArray | None], float]] = {
    "aji": aji,
    "object_dice": object_dice,
}

Values = tuple[Any, ...]


@dataclass(frozen=True)
class Observed:
    """A validation image: the maps that the chain needs, float32, the truth, int32 (H, W), and its region.

    `kept` holds results of steps for the next chain.
    """

    maps: Mapping[str, NDArray]
    truth: NDArray[np.int32]
    region: NDArray[np.uint8] | None = None
    kept: dict[str, NDArray] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """A chain that was tried: the searched parameters, and its mean score over images (nan: undefined)."""

    parameters: Mapping[str, Any]
    score: float


class ChainSearch:
    """Tries values of a chain's parameters, and says which chain scores best on images with known nuclei.

    `parameters` maps RESULT.PARAMETER to the values to try, {"markers.radius_px": [5, 7, 9, 12]}; without it
    they are those of `space_around`. `metric` is averaged over the images that define it, by its standard
    definition; a chain that leaves it undefined on an image with nuclei, where the present one does not, is
    out of the question (it may have found nothing, which is no distance). The first trial is the chain as it
    is. If `trials` suffice for all combinations, all are tried
    in order; otherwise a tree-structured Parzen estimator (Bergstra et al. 2011; Optuna) proposes them, none
    twice.
    """

    def __init__(
        self, metric: str = "aji", trials: int = 100, parameters: Mapping[str, Any] | None = None
    ) -> None:
        if metric not in HIGHER_IS_BETTER:
            raise UserError(f"search.metric={metric!r} is no score{did_you_mean(metric, HIGHER_IS_BETTER)}")
        if trials < 1:
            raise UserError(f"search.trials={trials} must be at least 1")
        if parameters is not None and not parameters:
            raise UserError("search.parameters={} names nothing to try: leave it out, or name a parameter")
        for name, values in (parameters or {}).items():
            if not isinstance(values, (list, tuple)) or not values:
                raise UserError(
                    f"search.parameters: {name} takes a list of values to try, as [5, 7, 9], not {values!r}"
                )
        self.metric, self.trials, self.parameters = metric, trials, parameters

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher score is better."""
        return HIGHER_IS_BETTER[self.metric]

    def space(self, chain: Chain) -> dict[str, list[Any]]:
        """The values to try, by parameter, numbers in rising order. Raises UserError for what cannot be."""
        if self.parameters is None:
            space = space_around(chain)
            if not space:
                raise UserError("the post-processing chain sets no number that could be searched")
            return space
        for name, values in self.parameters.items():
            for value in values:
                changed(chain, {name: value})
        return {name: _in_order(values) for name, values in self.parameters.items()}

    def chain_of(self, segmenter: Segmenter, source: Source) -> Chain:
        """The chain to search. Raises UserError if it cannot be, on the source's validation images."""
        chain = getattr(segmenter, "chain", None)
        if not isinstance(segmenter, MapSegmenter) or not isinstance(chain, Chain):
            raise UserError("search=postprocess needs a method with maps and a post-processing chain")
        if segmenter.join == "own":
            raise UserError(
                "search=postprocess needs maps of whole images, and this method's chain runs in each window "
                "(join=own): set its parameters by name instead, method.chain.RESULT.PARAMETER=..."
            )
        if not source.scorable("val"):
            raise UserError(
                f"search=postprocess chooses on validation images with instances, and {source.name} has none "
                f"in split {source.split!r}: choose another split or source"
            )
        self.space(chain)
        return chain

    def run(self, chain: Chain, images: Sequence[Observed], seed: int) -> Iterator[Trial]:
        """Try one chain after another. The same seed gives the same trials."""
        space = self.space(chain)
        present = tuple(parameters_of(chain)[name] for name in space)
        tried: dict[Values, float] = {}
        required: list[int] = []
        for values in self._proposed(space, present, tried, seed):
            parameters = dict(zip(space, values, strict=True))
            scores = _scores(changed(chain, parameters), images, self.metric)
            if not tried:
                required = [
                    k for k, one in enumerate(scores) if not math.isnan(one) and images[k].truth.any()
                ]
            tried[values] = _mean(scores, required)
            yield Trial(parameters, tried[values])

    def best(self, trials: Sequence[Trial]) -> Trial:
        """The trial of the best score, the first of several. Raises UserError if no score is defined."""
        defined = [trial for trial in trials if not math.isnan(trial.score)]
        if not defined:
            raise UserError(f"no validation image defines {self.metric}: choose another search.metric=...")
        sign = 1 if self.higher_is_better else -1
        return max(defined, key=lambda trial: sign * trial.score)

    def _proposed(
        self, space: Mapping[str, list[Any]], present: Values, tried: Mapping[Values, float], seed: int
    ) -> Iterator[Values]:
        """What to try next, while `tried` grows with the scores of what was proposed."""
        yield present
        size = math.prod(map(len, space.values())) - _holds(space, present)
        if size < self.trials:
            yield from (values for values in product(*space.values()) if values != present)
        else:
            further = _by_optuna(space, present, tried, seed, self.higher_is_better)
            yield from islice(further, self.trials - 1)


def observe(segmenter: Segmenter, source: Source, chain: Chain) -> Iterator[Observed]:
    """The validation images of a source with what `chain` needs of their maps, one at a time.

    All of them together take 4 bytes a pixel for each map and for the truth: 12 MB an image of 1000x1000 px
    and two maps. Raises UserError for an image of another pixel spacing than the network's, whose maps are
    not those that the chain sees.
    """
    trained = getattr(segmenter, "mpp", None)
    for item in source.items("val"):
        sample = complete(source.read(item, source.to_score), source.to_score)
        if sample.mpp and trained and not same_spacing(sample.mpp, trained):
            raise UserError(
                f"search=postprocess works at the spacing that the method was trained at, {trained:g} µm/px, "
                f"and {item.id} of {source.name} has {sample.mpp:g} µm/px: search on images of that spacing"
            )
        maps = segmenter.maps(sample[Signal.IMAGE], mpp=sample.mpp)
        needed = {name: maps[name] for name in chain.needs}
        yield Observed(needed, sample[Signal.INSTANCES], sample.signals.get(Signal.REGION))


def _scores(chain: Chain, images: Sequence[Observed], metric: str) -> list[float]:
    """The score of each image."""
    scores = []
    for image in images:
        scores.append(_score(image.truth, chain(image.maps, image.kept), image.region, metric))
        _forget_oldest(image.kept, KEPT_BYTES // len(images))
    return scores


def _mean(scores: Sequence[float], required: Sequence[int]) -> float:
    """The mean of the defined scores, nan if one that is required is not defined."""
    if any(math.isnan(scores[k]) for k in required):
        return math.nan
    defined = [score for score in scores if not math.isnan(score)]
    return sum(defined) / len(defined) if defined else math.nan


def _score(true: NDArray, found: NDArray, region: NDArray | None, metric: str) -> float:
    """One metric by its standard definition."""
    if metric in _ALONE:
        return _ALONE[metric](true, found, region)
    return all_scores(true, found, region)[metric, STANDARD[metric]]


def _forget_oldest(kept: dict[str, NDArray], most_bytes: int) -> None:
    held = sum(result.nbytes for result in kept.values())
    while held > most_bytes and kept:
        held -= kept.pop(next(iter(kept))).nbytes


def _by_optuna(
    space: Mapping[str, list[Any]],
    present: Values,
    tried: Mapping[Values, float],
    seed: int,
    higher_is_better: bool,
) -> Iterator[Values]:
    """New values, proposed in the light of the scores of those before."""
    # Needed for nothing else.
    import optuna
    from optuna.distributions import IntDistribution
    from optuna.trial import TrialState, create_trial

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():  # that `multivariate` was experimental for long
        warnings.simplefilter("ignore")
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True)
    study = optuna.create_study(sampler=sampler, direction="maximize" if higher_is_better else "minimize")
    # By their place in the list, so that neighbours are known to be near.
    places = {name: IntDistribution(0, len(values) - 1) for name, values in space.items()}
    if _holds(space, present) and not math.isnan(tried[present]):
        at = {name: values.index(value) for (name, values), value in zip(space.items(), present, strict=True)}
        study.add_trial(create_trial(params=at, distributions=dict(places), value=tried[present]))
    known = 0
    while known < ASKS:
        trial = study.ask(dict(places))
        values = tuple(space[name][trial.params[name]] for name in space)
        known = known + 1 if values in tried else 0
        if not known:
            yield values
        if math.isnan(tried[values]):
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, tried[values])


def _holds(space: Mapping[str, list[Any]], values: Values) -> bool:
    return all(value in listed for value, listed in zip(values, space.values(), strict=True))


def _in_order(values: Sequence[Any]) -> list[Any]:
    """Each value once; numbers rise."""
    distinct = list(dict.fromkeys(values))
    return sorted(distinct) if all(type(value) in (int, float) for value in distinct) else distinct
