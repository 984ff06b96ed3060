"""TCGA barcodes: names of patients, samples and slides that are alike in every set cut from TCGA."""

import re

from maskless.signals import Item

#: Patient, sample and vial, portion, slide (TCGA-E2-A1B5-01Z-00-DX1); what follows in a file's name is not
#: of the tissue: the slide's UUID, or the place of a patch.
_BARCODE = re.compile(
    r"TCGA-[A-Z0-9]{2}-[A-Z0-9]{4}(-[0-9]{2}[A-Z](-[0-9]{2}(-[A-Z]{2}[A-Z0-9]+)?)?)?(?![A-Za-z0-9])"
)


def tcga_case(name: str) -> str | None:
    """The first TCGA barcode in a file's name, as far as it names a slide; None if there is none."""
    found = _BARCODE.search(name)
    return found[0] if found else None


def tcga_item(name: str) -> Item:
    """The item of a file's name without its ending: its patient is the first three fields of its barcode.

    Without a barcode each name is a patient of its own.
    """
    case = tcga_case(name)
    return Item(name, name) if case is None else Item(name, "-".join(case.split("-")[:3]), case)
