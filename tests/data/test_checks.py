"""Checking an image and what belongs to it, so that all that is wrong is said at once."""

from pathlib import Path

import numpy as np
from layouts import nuclei, tissue
from PIL import Image

from maskless.data.checks import decoded_size, problem_of
from maskless.data.images import read_labels


def test_all_that_is_wrong_with_a_pair_is_listed(tmp_path: Path) -> None:
    image, labels = tmp_path / "a.png", tmp_path / "labels.png"
    Image.fromarray(tissue()).save(image)
    Image.fromarray(nuclei(size=(40, 50)).astype(np.uint8)).save(labels)
    size, nothing = decoded_size(image)
    assert (size, nothing) == ((40, 48), [])
    assert problem_of(read_labels, labels) == []
    (mismatch,) = problem_of(read_labels, labels, size)
    assert "40 x 50" in mismatch
    image.write_bytes(image.read_bytes()[:300])
    labels.write_bytes(b"")
    size, (cut,) = decoded_size(image)
    assert size is None
    assert "a.png is cut short" in cut
    (empty,) = problem_of(read_labels, labels, size)
    assert "labels.png is empty" in empty
