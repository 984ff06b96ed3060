"""Whether the epoch that a training loss has chosen is one that validation would have chosen."""

from math import isfinite, nan

from maskless.report.chosen_epoch import chosen_epoch
from maskless.report.results import Result

#: Validation Dice within which two epochs are taken as equally good.
_ALIKE = 0.02


def disagreement(result: Result) -> str:
    """'chose epoch 7 by its loss, ...' if another epoch has a validation Dice higher by more than 0.02.

    The chosen epoch is the first with the least mean `loss` of those from `selection_from` on, both as in
    metrics.csv; of several stages the last counts. Empty for a run that was not chosen by its loss, or has no
    validation Dice.
    """
    method = result.config.get("method") or {}
    if method.get("selection") != "loss":
        return ""
    chosen = chosen_epoch(result.last_stage, method)
    scored = [row for row in result.last_stage if isfinite(row.get("val_dice", nan))]
    if chosen is None or not scored:
        return ""
    best = max(scored, key=lambda row: row["val_dice"])
    if not best["val_dice"] - chosen.get("val_dice", nan) > _ALIKE:
        return ""
    return (
        f"chose epoch {chosen['epoch']:.0f} by its loss, with a validation Dice of {chosen['val_dice']:.3f}; "
        f"epoch {best['epoch']:.0f} had {best['val_dice']:.3f}"
    )
