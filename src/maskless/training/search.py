"""Which values to train with: a Gaussian process proposes them, in the light of how earlier ones did."""

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from maskless.address import seed_of
from maskless.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Values = dict[str, Any]


class TrainingSearch:
    """`trials` trainings, each of which is told what to try by those before.

    `space` names what is tried by its option of `maskless train` (`method.lr`): a list of values to choose
    from, neighbours alike, or a range {low: 1.0e-5, high: 1.0e-2, log: true}; whole numbers if both ends are.
    `begin` are the values of the first trial. The next are drawn at random until `startup` are done; then a
    Gaussian process is fitted to all, and the values of the greatest expected improvement are next (Optuna's
    GPSampler). `fixed` are options that every trial has, and a training with what was found has not: fewer
    epochs, say. Raises UserError for what is no such search.
    """

    def __init__(
        self,
        trials: int,
        space: Mapping[str, Any],
        begin: Mapping[str, Any] | None = None,
        startup: int = 10,
        fixed: Mapping[str, Any] | None = None,
    ) -> None:
        if trials < 1 or startup < 1:
            raise UserError(f"search.trials={trials} and search.startup={startup} must be at least 1")
        if not space:
            raise UserError("search.space is empty: name what to try, as {method.lr: [1e-4, 1e-3]}")
        self.trials, self.startup = trials, startup
        self.space, self.begin, self.fixed = dict(space), dict(begin or {}), dict(fixed or {})
        for name, values in self.space.items():
            _refuse_no_values(name, values)
        if self.begin:
            self.places(self.begin)

    @property
    def distributions(self) -> "dict[str, BaseDistribution]":
        """The space as Optuna sees it: a place in a list, not what stands there, so that order counts."""
        from optuna.distributions import FloatDistribution, IntDistribution

        found: dict[str, BaseDistribution] = {}
        for name, values in self.space.items():
            if isinstance(values, list):
                found[name] = IntDistribution(0, len(values) - 1)
            else:
                whole = isinstance(values["low"], int) and isinstance(values["high"], int)
                found[name] = (IntDistribution if whole else FloatDistribution)(**values)
        return found

    def places(self, values: Mapping[str, Any]) -> Values:
        """What Optuna calls these values. Raises UserError if they are not in the space."""
        for name in sorted(set(self.space) ^ set(values)):
            raise UserError(
                "search.begin and search.space must have the same names" + _beside(name, self.space)
            )
        found = {}
        for name, space in self.space.items():
            value = values[name]
            if not _holds(space, value):
                raise UserError(f"search.begin: {name}={value} is none of what search.space has, {space}")
            found[name] = space.index(value) if isinstance(space, list) else value
        return found

    def values(self, places: Mapping[str, Any]) -> Values:
        """The inverse of `places`."""
        return {
            name: space[places[name]] if isinstance(space, list) else places[name]
            for name, space in self.space.items()
        }

    def proposed(
        self, tried: Sequence[tuple[Mapping[str, Any], float | None]], seed: int, higher_is_better: bool
    ) -> Values:
        """The places of the next trial, which follow from the seed and the trials before alone.

        `tried` has the places of each and its score, None if it failed. That counts as the worst score of
        all, so that values that do not fit the memory, say, are not tried for ever.
        """
        if not tried and self.begin:
            return self.places(self.begin)
        # Needed for nothing else.
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        scores = [score for _, score in tried if score is not None]
        worst = (min if higher_is_better else max)(scores, default=0.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # A sampler of its own for each trial: what it has drawn before is no part of a stored search.
            sampler = optuna.samplers.GPSampler(
                seed=seed_of(seed, "search", len(tried)) % 2**32, n_startup_trials=self.startup
            )
            study = optuna.create_study(
                sampler=sampler, direction="maximize" if higher_is_better else "minimize"
            )
            for places, score in tried:
                study.add_trial(
                    optuna.trial.create_trial(
                        params=dict(places),
                        distributions=self.distributions,
                        value=worst if score is None else score,
                    )
                )
            return dict(study.ask(self.distributions).params)


def _holds(space: Any, value: Any) -> bool:
    if isinstance(space, list):
        return value in space
    return isinstance(value, int | float) and space["low"] <= value <= space["high"]


def _refuse_no_values(name: str, values: Any) -> None:
    """Raise UserError unless `values` is a list of several, or a range."""
    if isinstance(values, list):
        if len(values) < 2 or any(value in values[:k] for k, value in enumerate(values)):
            raise UserError(f"search.space: {name} takes two values or more, each once, not {values}")
        return
    a_range = "{low: ..., high: ..., log: true}"
    wanted = f"search.space: {name} takes a list of values, or {a_range}, not {values}"
    if not isinstance(values, Mapping) or not {"low", "high"} <= set(values) <= {"low", "high", "log"}:
        raise UserError(wanted)
    ends = values["low"], values["high"]
    if any(isinstance(end, bool) or not isinstance(end, int | float) for end in ends) or ends[0] >= ends[1]:
        raise UserError(wanted)
    if values.get("log") and ends[0] <= 0:
        raise UserError(f"search.space: {name} is logarithmic, so its low={ends[0]} must be above 0")


def _beside(name: str, space: Mapping[str, Any]) -> str:
    return f": {name} is in one alone" + (did_you_mean(name, space) if name not in space else "")
