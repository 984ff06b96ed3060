"""Splits that are the folds of one cross-validation."""

import re
from collections.abc import Sequence


def family(split: str, splits: Sequence[str]) -> tuple[str, int]:
    """What a split belongs to, and how many do: ('fold*', 10) for 'fold3' of ten; ('official', 1) if alone.

    `splits` are all of the source.
    """
    stem = re.sub(r"\d+$", "", split)
    siblings = [name for name in splits if stem and re.fullmatch(re.escape(stem) + r"\d+", str(name))]
    return (f"{stem}*", len(siblings)) if stem != split and len(siblings) > 1 else (split, 1)
