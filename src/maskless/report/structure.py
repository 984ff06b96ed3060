"""What translations have kept of the nuclei of their images, told in sentences."""

from collections.abc import Iterator, Mapping, Sequence
from math import isnan, nan
from typing import Any

from maskless.report.summary import summary

#: What nuclei are called by the columns `before` and `after` of structure.csv.
_BEFORE = {"truth": "the true nuclei", "input": "the nuclei found without translation"}
_AFTER = {"input": "found without translation", "translation": "found after translation"}


def structure_told(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A sentence for each pair of `before` and `after` in rows of structure.csv: means over images.

    Distances are in µm if every image has them in µm, else in px. Raises KeyError or ValueError for rows that
    are none of structure.csv.
    """
    for before, after in dict.fromkeys((row["before"], row["after"]) for row in rows):
        of_pair = [row for row in rows if (row["before"], row["after"]) == (before, after)]
        yield _told(_BEFORE.get(before, before), _AFTER.get(after, after), of_pair)


def _told(before: str, after: str, rows: Sequence[Mapping[str, Any]]) -> str:
    def mean(name: str) -> float:
        found = summary([float(row[name]) if row[name] not in ("", None) else nan for row in rows])
        return found[0] if found else nan

    known = all((row["moved_mean_um"] in ("", None)) == (row["moved_mean_px"] in ("", None)) for row in rows)
    unit = "um" if known else "px"
    kept, new, ratio = (mean(name) for name in ("kept_share", "appeared_share", "count_ratio"))
    moved, most = mean(f"moved_mean_{unit}"), mean(f"moved_p95_{unit}")
    of = f"mean of {len(rows)} images" if len(rows) > 1 else "one image"
    um = unit.replace("u", "µ")
    apart = f", and the same nuclei lie {moved:.2f} {um} apart, 95 % of them at most {most:.2f}"
    return (
        f"of {before} {kept:.1%} are {after}, and of those {after} {new:.1%} are no such nuclei; there are "
        f"{ratio:.2f} times as many{'' if isnan(moved) else apart} ({of})"
    )
