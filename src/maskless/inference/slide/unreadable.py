"""What of a slide could not be decoded, and so was not looked at."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import shapely

from maskless.data.annotations import Region
from maskless.data.slides import Place


@dataclass(frozen=True)
class Unreadable:
    """`places` do not overlap; `outline` is of them together, of what is wanted of them, in px of level 0."""

    places: Sequence[Place]
    outline: shapely.Geometry

    @classmethod
    def of(cls, lost: Iterable[Place], regions: Sequence[Region]) -> "Unreadable":
        """What has to do with the regions, or with the whole slide if there are none; from top to bottom."""
        boxes = {place: _box(place) for place in sorted(lost, key=lambda place: (place.y, place.x))}
        outline = shapely.union_all(list(boxes.values()))
        if regions:
            drawn = shapely.union_all([region.outline for region in regions])
            boxes = {place: box for place, box in boxes.items() if shapely.intersects(drawn, box)}
            outline = shapely.intersection(drawn, outline)
        return cls(list(boxes), outline)

    def mm2(self, mpp: float) -> float:
        """The area, with `mpp` µm a px of level 0."""
        return float(self.outline.area * mpp**2 / 1e6)

    def sentence(self, name: str, mpp: float) -> str:
        """What is said of it, and of the slide called `name`."""
        first, many = self.places[0], len(self.places)
        places = "1 place" if many == 1 else f"{many} places"
        return (
            f"{name} cannot be decoded in {places}, {self.mm2(mpp):.3g} mm², which were not looked at: it is "
            f"damaged there, first at column {first.x}, row {first.y} of level 0"
        )


def _box(place: Place) -> shapely.Polygon:
    return shapely.box(place.x, place.y, place.x + place.width_px, place.y + place.height_px)
