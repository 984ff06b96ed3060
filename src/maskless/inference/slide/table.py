"""The table of slides: which are done, all or in part, which failed and why, and what they took."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from maskless.atomic import write_atomically
from maskless.inference.records import unwritable

SLIDES = "slides.csv"
COLUMNS = ("slide", "state", "why", "nuclei", "blocks", "tissue_mm2", "unreadable_mm2", "seconds")
_NOTES = "slides"


def note_slide(output: Path, hidden: Path, stem: str, row: Mapping[str, Any]) -> None:
    """Keep the row of a slide in the hidden folder of an output. Raises UserError if it cannot be written."""
    try:
        (hidden / _NOTES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(output, error) from error
    write_atomically(hidden / _NOTES / f"{stem}.json", json.dumps(dict(row), sort_keys=True).encode())


def write_slides_table(output: Path, hidden: Path) -> Path | None:
    """Write slides.csv, a row for each slide of the output folder, by name; None if there are none.

    The jobs of a sweep may each do so: the last has all rows. Raises UserError if it cannot be written.
    """
    notes = sorted((hidden / _NOTES).glob("*.json"))
    if not notes:
        return None
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for note in notes:
        row = json.loads(note.read_text(encoding="utf-8"))
        state = "done" if not row["why"] else "partly" if "nuclei" in row else "failed"
        writer.writerow({"state": state, **row})
    write_atomically(output / SLIDES, text.getvalue().encode())
    return output / SLIDES
