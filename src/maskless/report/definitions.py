"""What a definition of a metric means, in a sentence for those who point at its name."""

from maskless.metrics import HIT_UM, PAPERS
from maskless.metrics.counts import POSITIVE_WITHIN, WITHIN
from maskless.report.column import Column

_MEANINGS = {
    ("aji", "kumar"): "Each true nucleus takes the prediction of highest IoU, which may serve twice.",
    ("aji", "one_to_one"): "Pairs by falling IoU; no prediction serves twice.",
    ("aji", "plus"): "One-to-one pairs whose IoUs have the highest total.",
    ("object_dice", "sirinukunwattana"): "Dice with the nucleus that covers most of it, both ways, by area.",
    ("object_hausdorff", "sirinukunwattana"): "Hausdorff distance to the nucleus that covers most of "
    "it, both ways, by area; what nothing overlaps takes the nearest.",
    ("object_hausdorff", "matched"): "As published, but what nothing overlaps is left out.",
    ("average_hausdorff", "symmetric"): "Mean Hausdorff distance of the true nuclei that anything overlaps.",
    ("average_hausdorff", "sahasrabudhe"): "Of a prediction only what lies inside the true nucleus counts.",
    ("average_dice", "sahasrabudhe"): "Dice of the pixels of an image, nucleus or not.",
}  # fmt: skip
_FOREGROUND = "Pixel by pixel: nucleus or not, whichever nucleus it is."
_AT_IOU = "Nuclei match one to one where their intersection over union is as said."
_AT_POINTS = (
    f"A nucleus matches a point, one to one, whose distance to its centroid is at most {HIT_UM:g} µm."
)
_AT_POSITIVE = "Positive cells found and true ones match one to one, within the distance that is said."


def meaning(column: Column) -> str:
    """What the definition of a column is, or empty if it is not one of ours."""
    if column.definition in PAPERS:
        return f"As {PAPERS[column.definition].title} computes it, to compare with what is printed there."
    if column.definition == "foreground":
        return _FOREGROUND
    if column.definition.startswith("iou>"):
        return _AT_IOU
    if column.definition == WITHIN:
        return _AT_POINTS
    if column.definition.startswith(POSITIVE_WITHIN):
        return _AT_POSITIVE
    return _MEANINGS.get((column.metric, column.definition), "")
