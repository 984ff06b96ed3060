"""An adapter without a model: nuclei are what is darker than `below`, told apart where they do not touch.

With `fails` it does what packages do when something is wrong.
"""

import os
import sys

import numpy as np
from scipy import ndimage


def load(weights, device, below=128, fails="", **settings):
    print("a package that greets")  # must not be taken for an answer
    if fails == "import":
        import a_package_that_is_not_there  # noqa: F401
    if fails == "crash":
        print("Illegal instruction", file=sys.stderr)
        os._exit(3)

    def segment(image, points=None):
        if fails == "image" or image.ndim != 3:
            raise ValueError("a shape\nthat does not fit")
        if fails == "crash at an image":
            os._exit(9)
        dark, _ = ndimage.label(image.mean(axis=-1) < below)
        if points is None:
            return dark
        labels = np.zeros_like(dark)
        for k, (row, col) in enumerate(np.rint(points).astype(int), start=1):
            if dark[row, col]:
                labels[dark == dark[row, col]] = k
        return labels

    return segment
