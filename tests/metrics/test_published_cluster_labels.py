"""The published cluster labels of one real field, taken as a prediction, score what the papers' code says."""

import os
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imread
from skimage.measure import label

from maskless.metrics import scores

DATA = os.environ.get("MASKLESS_DATA")


@pytest.mark.skipif(not DATA or not (Path(DATA) / "multiorgan").is_dir(), reason="needs MASKLESS_DATA")
def test_scores_of_cluster_nuclei_on_a_real_field():
    folder = Path(str(DATA)) / "multiorgan"
    (truth,) = (folder / "labels_instance").glob("*A7-A13E*")
    (clusters,) = (folder / "labels_cluster").glob("*A7-A13E*")
    # As the source of these figures does: 8-connected components on both sides.
    true = label(imread(truth), connectivity=2)
    red, green = np.moveaxis(imread(clusters), -1, 0)[:2]
    pred = label((green == 255) & (red == 0), connectivity=2)
    found = scores(true, pred)
    expected = {
        ("accuracy", "foreground"): 0.935323,
        ("iou", "foreground"): 0.640368,
        ("f1", "foreground"): 0.780761,
        ("object_dice", "sirinukunwattana"): 0.775046,
        ("aji", "kumar"): 0.632312,
    }
    assert {key: found[key] for key in expected} == pytest.approx(expected, abs=5e-7)
