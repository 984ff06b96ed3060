"""Attention by class activation, by its formula with every product written out."""

import numpy as np
import pytest
import torch

from maskless.networks.class_activation import ClassActivation


def made(normalised: bool) -> ClassActivation:
    torch.manual_seed(0)
    return ClassActivation(5, normalised=normalised).eval().requires_grad_(False)


@pytest.mark.parametrize("normalised", [False, True])
def test_features_are_weighted_twice_and_mixed(normalised: bool) -> None:
    attention = made(normalised)
    x = torch.randn(2, 5, 4, 3, generator=torch.Generator().manual_seed(1))
    found, logits = attention(x)
    state = {name: value.numpy() for name, value in attention.state_dict().items()}
    raw = "parametrizations.weight.original" if normalised else "weight"
    by_mean, by_maximum = state[f"of_mean.{raw}"][0], state[f"of_maximum.{raw}"][0]
    mixing, bias = state["mixing.weight"][:, :, 0, 0], state["mixing.bias"]
    for image in range(2):
        values = x[image].numpy()
        weighted = [values * weights[:, None, None] for weights in (by_mean, by_maximum)]
        expected = np.einsum("oc,chw->ohw", mixing, np.concatenate(weighted)) + bias[:, None, None]
        np.testing.assert_allclose(found[image], expected, rtol=1e-4, atol=1e-5)
        # The spectral norm of one row is its length.
        lengths = [np.linalg.norm(w) if normalised else 1.0 for w in (by_mean, by_maximum)]
        answers = [
            by_mean @ values.mean((1, 2)) / lengths[0],
            by_maximum @ values.max((1, 2)) / lengths[1],
        ]
        np.testing.assert_allclose(logits[image], answers, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("normalised", [False, True])
def test_as_many_parameters_as_published(normalised: bool) -> None:
    attention = ClassActivation(256, normalised=normalised)
    assert sum(weight.numel() for weight in attention.parameters()) == 2 * 256 + 512 * 256 + 256
