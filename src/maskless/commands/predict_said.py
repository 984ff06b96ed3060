"""What `maskless predict` says: of a model, of each image as it is through, and in the end."""

from collections.abc import Sequence
from pathlib import Path

from maskless.inference.files import Predicted
from maskless.inference.summary import Row
from maskless.labelling_index import labelling_index
from maskless.model_file import Header


def introduced(header: Header) -> str:
    """What a model is: in the words of who made it, or else what it learnt from and its licence."""
    learnt_from = ", ".join(header.learnt_from or header.trained_on)
    about = header.about or (f"learnt from {learnt_from}; licence: {header.licence}.",)
    return " ".join([f"{header.name}:", *about])


def lines(one: Predicted) -> list[str]:
    """What is printed of an image as soon as it is through: its nuclei, and those of each region."""
    if one.problem or one.done_before:
        return [one.unreadable] if one.unreadable else []
    spacing = f" ({one.rows[0]['mpp']:g} µm/px, as the file says)" if one.mpp_is_stated else ""
    said = [f"{one.rows[0]['image']}: {_counts(one.rows[0])}{spacing}"]
    said += [f"  {row['region']}: {_counts(row)}" for row in one.rows[1:]]
    return [*said, *one.notes, *([one.unreadable] if one.unreadable else [])]


def sentences(done: Sequence[Predicted], output: Path) -> list[str]:
    """What is printed in the end."""
    said = []
    if before := sum(one.done_before for one in done):
        said.append(f"{before} of {len(done)} {'was' if before == 1 else 'were'} done before")
    unknown = [one for one in done if one.rows and one.rows[0]["mpp"] is None]
    if unknown:
        whose = "the image" if len(done) == 1 else f"{len(unknown)} of {len(done)} images"
        said.append(
            f"no µm/px is known of {whose}, so the scale is taken to be what the method expects, and areas "
            "in µm² are left out: mpp= or power= gives it"
        )
    return [*said, f"written to {output}"]


def _counts(row: Row) -> str:
    nuclei = f"{row['nuclei']} nuclei"
    if row["positive"] is None:
        return nuclei
    index = labelling_index(row["positive"], row["negative"])
    return f"{nuclei}, {row['positive']} positive, labelling index {index}"
