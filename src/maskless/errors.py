"""The user's errors: what went wrong, where, and what to do about it, in one sentence."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class UserError(Exception):
    """Something the user can mend. The command line prints its sentence and exits with code 2."""


class PartlyDone(Exception):
    """The work is done except for named items. The command line prints them and exits with code 3."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """'; did you mean 'x'?' with the known words nearest to `word`, or all of them if none is near.

    More than 30 are not listed.
    """
    words = sorted(set(known))
    near = get_close_matches(word, words, n=3, cutoff=0.6)
    if near:
        return "; did you mean " + " or ".join(f"'{w}'" for w in near) + "?"
    return f"; known: {', '.join(words)}" if 0 < len(words) <= 30 else ""


def first_three(problems: Sequence[str]) -> str:
    """One line for many problems: the only one, or their count and the first three."""
    if len(problems) == 1:
        return problems[0]
    rest = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
    return f"{len(problems)} problems: " + "; ".join(problems[:3]) + rest


def listed(words: Sequence[str], most: int = 3) -> str:
    """'a, b, c and 4 more': the first `most` of some words, and how many more there are."""
    rest = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + rest
