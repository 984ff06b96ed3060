"""The models in the package: small, plain about themselves, and able to find nuclei."""

import numpy as np
import pytest
from skimage.data import immunohistochemistry

import maskless
from maskless.data.synthetic import render
from maskless.metrics import aji
from maskless.model_file import read_header, shipped

STAIN = {"rendered-he": "he", "rendered-ihc": "ki67"}


def test_they_are_the_two_that_the_documentation_names():
    assert set(shipped()) == set(STAIN)


@pytest.mark.parametrize("name", STAIN)
def test_a_model_is_small_and_says_what_it_is_and_what_it_is_not(name):
    assert shipped()[name].stat().st_size < 5_000_000
    header = read_header(name)
    assert header.name == name
    assert header.trained_on == ("synthetic",)
    assert header.annotation == "none"
    assert (header.mpp, header.licence) == (0.25, "Apache-2.0")
    said = " ".join(header.about)
    assert "never seen a real image" in said
    assert "Not for diagnosis" in said


@pytest.mark.parametrize("name", STAIN)
def test_a_model_finds_the_nuclei_of_rendered_tissue_at_the_right_scale(name):
    segmenter = maskless.load(name)
    for power in (40, 20):
        scores = []
        for index in range(4):  # of a seed that nothing was trained on
            tissue = render(123, index, size_px=256, stain=STAIN[name], power=power)
            scores.append(aji(tissue.instances, segmenter.segment(tissue.image, mpp=tissue.mpp)))
        assert np.mean(scores) > 0.45, scores


def test_a_model_finds_nuclei_in_a_photograph():
    found = maskless.load("rendered-he").segment(immunohistochemistry())
    areas = np.bincount(found.ravel())[1:]
    assert 120 < len(areas) < 400
    assert 100 < np.median(areas) < 400
