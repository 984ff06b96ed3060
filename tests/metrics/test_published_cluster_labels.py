"""Real fields: published cluster labels, taken as a prediction, score what the papers' code says."""

import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from skimage.io import imread
from skimage.measure import label

from maskless.metrics import aji, aji_one_to_one, all_scores, paper_scores, relabel, relabel_mask
from maskless.postprocess.chain import Chain
from maskless.stain import stains

DATA = Path(os.environ.get("MASKLESS_DATA", "nowhere")) / "multiorgan"
THRESHOLD = Path(__file__).parents[2] / "conf" / "postprocess" / "threshold.yaml"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs MASKLESS_DATA")


def truth(case):
    (path,) = (DATA / "labels_instance").glob(f"*{case}*")
    return imread(path)


def test_scores_of_cluster_nuclei_on_a_real_field():
    true = truth("A7-A13E")
    (clusters,) = (DATA / "labels_cluster").glob("*A7-A13E*")
    red, green = np.moveaxis(imread(clusters), -1, 0)[:2]
    pred = label((green == 255) & (red == 0), connectivity=2)
    expected = {"accuracy": 0.935323, "iou": 0.640368, "f1": 0.780761, "object_dice": 0.775046}
    printed = paper_scores(true, pred)
    for metric, value in {**expected, "aji": 0.630758}.items():
        assert printed[metric, "liu_2022"] == pytest.approx(value, abs=5e-7)
    # As the source of these figures does: 8-connected components on both sides.
    found = all_scores(relabel(true), relabel(pred))
    for metric in ("accuracy", "iou", "f1"):
        assert found[metric, "foreground"] == pytest.approx(expected[metric], abs=5e-7)
    assert found["object_dice", "sirinukunwattana"] == pytest.approx(expected["object_dice"], abs=5e-7)
    assert found["aji", "kumar"] == pytest.approx(0.632312, abs=5e-7)


def test_one_prediction_has_many_ajis():
    chain = Chain(yaml.safe_load(THRESHOLD.read_text(encoding="utf-8")))
    definitions = []
    for case in ("B0-5698", "G9-6362", "NH-A8F7"):
        (path,) = (DATA / "images").glob(f"*{case}*")
        true, pred = (
            truth(case),
            chain({"darkness": stains(imread(path)[..., :3])[..., 0].astype(np.float32)}),
        )
        with_slip = paper_scores(true, pred)["aji", "liu_2022"]
        joined = aji(relabel_mask(true), relabel_mask(pred))
        definitions.append((joined, with_slip, aji(true, pred), aji_one_to_one(true, pred)))
    joined, with_slip, kumar, one_to_one = np.mean(definitions, axis=0)
    assert joined + 0.05 < with_slip < kumar < one_to_one - 0.01
