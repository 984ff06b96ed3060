"""How the files beside a folder of images are to be understood, where their owner has to say so."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from maskless.data.drawings import Areas
from maskless.data.points_csv import checked_columns
from maskless.errors import UserError, did_you_mean

#: The (H, W) of an image, None where that is not known.
Size = tuple[int, int] | None


@dataclass(frozen=True)
class Conventions:
    """`columns` names those of CSV files, as in `read_points`. `classes` has other names for classes, by the
    word in the file. `ignore` is the value of label images and masks where nothing is known. `areas` are the
    classes of drawings that are no nuclei. Raises UserError for what cannot be.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)
    ignore: int | None = None
    areas: Areas = field(default_factory=Areas)

    def named(self, word: str) -> str:
        """The name of a class, by its word in a file."""
        return self.classes.get(word, word)


def conventions_of(
    points_columns: Mapping[str, str] | None,
    classes: Mapping[str, str] | None,
    ignore: int | None,
    areas: Mapping[str, str] | None,
) -> Conventions:
    """From plain values, as a configuration has them. Raises UserError for what cannot be."""
    known = vars(Areas())
    for name, word in (areas or {}).items():
        if name not in known or not str(word).strip():
            raise UserError(
                f"areas cannot have {name}: {word!r}: it names classes{did_you_mean(name, known)}"
            )
    if ignore is not None and (isinstance(ignore, bool) or not isinstance(ignore, int) or ignore == 0):
        raise UserError(f"ignore={ignore!r} is a whole number other than 0, which is background")
    return Conventions(
        checked_columns(points_columns or {}),
        {str(word): str(name) for word, name in (classes or {}).items()},
        ignore,
        Areas(**{name: str(word) for name, word in (areas or {}).items()}),
    )
