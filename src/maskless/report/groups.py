"""Which runs are the same method tried again (other seeds, other folds), and what such a method is called."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from maskless.report.column import Column
from maskless.report.folds import family
from maskless.report.results import Result, images_of

#: Settings of a source that say where it is, or which fold of it was read, and not what is done with it.
_PLACES = ("path", "data_root", "split")
#: Settings by which rows of one method are told apart in a name; with more, their folders tell them apart.
_SETTINGS_NAMED = 3
#: Last words of settings that no name has: long, or of code, and what they say stands under another as well.
_UNNAMED = ("files", "trained_on", "_target_")


@dataclass(frozen=True)
class Scored:
    """One run on one part of one source. `split` is that of the source; `family` is 'fold*' for 'fold3'.

    `folds` counts the family's splits, 1 if it is no family. `scores` hold each image's value by column.
    """

    run: Result
    source: str
    part: str
    split: str
    family: str
    folds: int
    scores: Mapping[Column, Mapping[str, float]]

    @property
    def about(self) -> Mapping[str, Any]:
        """What the run has recorded of the source."""
        return self.run.about(self.source)

    @property
    def images(self) -> frozenset[str]:
        """All images that any column has."""
        return frozenset(images_of(self.scores))


def scored(results: Iterable[Result]) -> list[Scored]:
    """Every (run, source, part) that has scores, in order; the source by its name, not its label."""
    found = []
    for run in results:
        for (label, part), scores in run.scores.items():
            about = run.about(label)
            source, split = str(about.get("name") or label), str(about.get("split", ""))
            stem, folds = family(split, about.get("splits") or [split])
            # Of this source alone, under its own name, whatever else the run was scored on.
            view = replace(run, label=label, described={source: about}, scores={(source, part): scores})
            found.append(Scored(view, source, part, split, stem, folds, scores))
    return found


def same_recipe(entries: Sequence[Scored]) -> list[list[Scored]]:
    """Entries of one table, grouped: one recipe each, no (fold, seed) twice, finished runs by themselves.

    A second run with the same seed is no further seed: it stands in a group of its own.
    """
    groups: dict[tuple[str, str, int], list[Scored]] = {}
    times: Counter[tuple[str, str, str, str]] = Counter()
    for entry in entries:
        recipe = json.dumps(settings(entry.run), sort_keys=True)
        which = (recipe, entry.run.state, entry.split, entry.run.seed)
        groups.setdefault((recipe, entry.run.state, times[which]), []).append(entry)
        times[which] += 1
    return list(groups.values())


def group_names(groups: Sequence[Sequence[Scored]]) -> list[str]:
    """A name for each group that no other has: its method, then what differs, then its folder."""
    runs = [group[0].run for group in groups]
    names = [_with_settings(run, [other for other in runs if other.method == run.method]) for run in runs]
    often = Counter(names)
    names = [
        name if often[name] == 1 else f"{name}, {run.path.name}"
        for name, run in zip(names, runs, strict=True)
    ]
    often = Counter(names)
    return [name if often[name] == 1 else str(run.path) for name, run in zip(names, runs, strict=True)]


def settings(run: Result) -> dict[str, str]:
    """What a run did, flat, but for its seed and its places: runs that agree in it differ by chance alone."""
    dataset, method = run.config.get("dataset") or {}, run.config.get("method") or {}
    hardware = run.config.get("hardware") or {}
    if run.chain:  # the search is part of the recipe, the numbers that each seed's search finds are not
        method = {key: value for key, value in method.items() if key != "chain"}
    return {
        **_flat(method),
        **_flat(_placeless(dataset), "dataset."),
        **_flat(_placeless(run.config.get("prior") or {}), "prior."),
        **_flat(_placeless(run.config.get("target") or {}), "target."),
        "mpp": str(run.config.get("mpp") or ""),
        "precision": str(hardware.get("precision", "")),
        "method": run.method,
        "learnt from": run.learnt_from,
        "files": run.learnt_files,
        "chain": run.chain,
    }


def _placeless(source: Mapping[str, Any]) -> dict[str, Any]:
    """The description of a source without its places, nor those of the sources that it is made of."""
    kept = {key: value for key, value in source.items() if key not in _PLACES}
    return {key: _placeless(value) if isinstance(value, Mapping) else value for key, value in kept.items()}


def _with_settings(run: Result, alike: Sequence[Result]) -> str:
    """The method's name, with what tells it from others of that name."""
    if len(alike) == 1:
        return run.method
    own, others = settings(run), [settings(other) for other in alike]
    word = {key: key.rpartition(".")[2] for other in others for key in other}
    keys = [key for key in word if word[key] not in _UNNAMED]
    differing = [key for key in keys if len({other.get(key) for other in others}) > 1]
    last = Counter(word[key] for key in differing)
    told = [f"{word[key] if last[word[key]] == 1 else key}={own[key]}" for key in differing if own.get(key)]
    if len(told) > _SETTINGS_NAMED:
        told = _variant(run, alike)
    return f"{run.method} ({', '.join(told)})" if told else run.method


def _variant(run: Result, alike: Sequence[Result]) -> list[str]:
    """What was chosen in a group of YAMLs in which all of `alike` chose another: a study's variant, say."""
    chosen = [other.config.get("choices") or {} for other in alike]
    for key in chosen[0]:
        if len({str(one.get(key)) for one in chosen}) == len(chosen):
            return [str((run.config.get("choices") or {}).get(key))]
    return []


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        found |= _flat(value, f"{name}.") if isinstance(value, Mapping) else {name: str(value)}
    return found
