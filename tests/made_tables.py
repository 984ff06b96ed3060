"""Tables without runs behind them, with one row of every kind."""

from maskless.report.column import Column
from maskless.report.table import Interval, Row, Table, Value
from maskless.signals import Annotation

AJI = Column("aji", "kumar")
F1 = Column("object_f1", "iou>=0.50", over="pooled")
FAR = Column("object_hausdorff", "sirinukunwattana", "tumour_50%")
IMAGES = tuple(f"image_{k}" for k in range(14))


def measured(
    mean: float, std: float | None = 0.1, of: str = "images", count: int = 14, images: int = 14
) -> Value:
    return Value(mean, std, of, count, images)  # type: ignore[arg-type]


def printed(mean: float, std: float | None = None) -> Value:
    return Value(mean, std, "printed", 0, 14)


def made_table() -> Table:
    """Rows: measured over images, over seeds, seen, lacking, and printed twice; a name full of markup."""
    rows = (
        Row("threshold", Annotation.NONE, {AJI: measured(0.441, 0.121), FAR: measured(8.25, 2.5, images=13)}),
        Row(
            "*star*_|<b>",
            Annotation.OTHER_STAIN,
            {AJI: measured(0.9), F1: measured(0.95, None, "images", 1)},
            seen=IMAGES[:3],
        ),
        Row("Printed", Annotation.POINTS, {AJI: printed(0.536, 0.04)}, citation="Liu et al., table 2"),
        Row("Also & printed", Annotation.POINTS, {AJI: printed(0.475)}, citation="Liu et al., table 2"),
        Row("supervised", Annotation.MASKS, {AJI: measured(0.583, 0.005, "seeds", 3), FAR: measured(6.5)}),
        Row("folds", Annotation.MASKS, {AJI: measured(0.99, 0.01, "folds", 3)}, lacks="3 of 10 folds"),
    )
    return Table(
        "multiorgan", "official", "test", IMAGES, (AJI, F1, FAR), rows, notes=("50 % is _half_ #1.",)
    )


def made_intervals() -> dict[tuple[str, Column], Interval]:
    return {
        ("supervised", AJI): Interval(0.142, 0.081, 0.203),
        ("supervised", FAR): Interval(-1.75, -4.5, 0.25),
    }
