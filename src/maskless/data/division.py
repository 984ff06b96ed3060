"""Dividing items into train, val and test, with no patient in two of them."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from hashlib import sha256

from maskless.data.source import PARTS, Split
from maskless.errors import UserError
from maskless.signals import Item


def divide(items: Collection[Item], fractions: Mapping[str, float], seed: int) -> Split:
    """Give whole groups to parts, the largest first, each to the part that is least full for its share.

    `fractions` are those of `checked_fractions`. The division is a function of `seed` and the names of the
    groups alone. A part with a share gets a group before another part gets its second one.
    """
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        groups[item.group].append(item)
    parts: dict[str, list[Item]] = {part: [] for part in PARTS if fractions.get(part, 0) > 0}
    # Hashes, and no random generator, whose numbers may change from one version of a library to the next.
    drawn = sorted(groups, key=lambda group: sha256(f"{seed}:{group}".encode()).digest())
    for group in sorted(drawn, key=lambda group: -len(groups[group])):
        least_full = min(parts, key=lambda part: len(parts[part]) / fractions[part])
        parts[least_full] += groups[group]
    return Split({part: tuple(sorted(parts.get(part, ()), key=lambda item: item.id)) for part in PARTS})


def checked_fractions(fractions: Mapping[str, float]) -> dict[str, float]:
    """The shares of train, val and test. Raises UserError unless they are 0 or more and add up to 1."""
    shares = list(fractions.values())
    are_numbers = all(isinstance(share, int | float) and share >= 0 for share in shares)
    if set(fractions) <= set(PARTS) and are_numbers and abs(sum(shares) - 1) < 1e-6:
        return dict(fractions)
    raise UserError(f"folder takes fractions of train, val and test that add up to 1, not {dict(fractions)}")
