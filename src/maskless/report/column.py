"""What a column of a table measures."""

from typing import Literal, NamedTuple


class Column(NamedTuple):
    """One measure: a metric, by one definition, within one region of the images.

    `over` says how many images become one number: the mean of their scores, or one score of all their pixels
    or nuclei pooled. Two definitions, two regions and the two ways are columns of their own, always.
    """

    metric: str
    definition: str
    region: str = "all"
    over: Literal["images", "pooled"] = "images"
