import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from maskless.losses import discriminative_loss, discriminative_terms


def slow(
    embedding: Tensor,
    instances: Tensor,
    background: Tensor,
    delta_intra: float = 0.5,
    delta_inter: float = 3.0,
    alpha: float = 1.0,
    gamma: float = 0.001,
    squared: bool = True,
) -> Tensor:
    """One image after the other, one nucleus after the other."""

    def hinge(z: Tensor) -> Tensor:
        return z.clamp(min=0) ** (2 if squared else 1)

    def length(z: Tensor) -> Tensor:
        squares = z.square().sum(0)
        return torch.where(squares > 0, torch.where(squares > 0, squares, 1).sqrt(), 0)  # no 1 / 0 behind

    losses = []
    for x, ids, is_background in zip(embedding, instances, background, strict=True):
        nuclei = [x[:, ids == i] for i in ids.unique().tolist() if i > 0]
        if not nuclei:
            continue
        rest = x[:, is_background & (ids <= 0)]
        segments = [(1.0, pixels) for pixels in nuclei] + [(alpha, rest)] * (rest.shape[1] > 0)
        pull = push = regulariser = torch.zeros((), dtype=x.dtype)
        for a, (weight, pixels) in enumerate(segments):
            mean = pixels.mean(1)
            pull = pull + weight * hinge(length(pixels - mean[:, None]) - delta_intra).mean()
            regulariser = regulariser + length(mean)
            for b, (other_weight, others) in enumerate(segments):
                if a != b:
                    push = push + weight * other_weight * hinge(delta_inter - length(mean - others.mean(1)))
        n = len(segments)
        losses.append(pull / n + push / max(n * (n - 1), 1) + gamma * regulariser / n)
    return torch.stack(losses).mean() if losses else embedding.sum() * 0


def random_batch(seed: int, images: int = 3, ids: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    embedding = 2 * torch.randn(images, 4, 9, 7, dtype=torch.float64, generator=generator)
    instances = torch.randint(-ids, ids + 1, (images, 9, 7), generator=generator).clamp(min=0)
    background = (torch.rand(images, 9, 7, generator=generator) < 0.6) & (instances == 0)
    return embedding.requires_grad_(), instances.int(), background


def assert_same(
    batch: tuple[Tensor, Tensor, Tensor], alpha: float = 1.0, squared: bool = True, **deltas: float
) -> None:
    loss = discriminative_loss(*batch, alpha=alpha, squared=squared, **deltas)
    expected = slow(*batch, alpha=alpha, squared=squared, **deltas)
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(
        torch.autograd.grad(loss, batch[0]), torch.autograd.grad(expected, batch[0]), rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("alpha", [1.0, 0.5])
def test_it_is_its_definition(alpha: float, squared: bool) -> None:
    for seed in range(5):
        assert_same(random_batch(seed), alpha=alpha, squared=squared)
        assert_same(random_batch(seed), alpha, squared, delta_intra=0.1, delta_inter=5.0, gamma=0.3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**20), st.integers(1, 4), st.integers(1, 30))
def test_it_is_its_definition_with_any_number_of_nuclei(seed: int, images: int, ids: int) -> None:
    assert_same(random_batch(seed, images, ids), alpha=0.5)


#: alpha, squared, then the three terms and their sum, worked out by hand.
BY_HAND = [
    (1.0, True, 0.916667, 0.204343, 0.002442, 1.123451),
    (0.5, True, 0.541667, 0.199437, 0.002442, 0.743545),
    (1.0, False, 0.833333, 0.311835, 0.002442, 1.147610),
    (0.5, False, 0.583333, 0.283239, 0.002442, 0.869014),
]


@pytest.mark.parametrize(("alpha", "squared", "pull", "push", "regulariser", "total"), BY_HAND)
def test_known_values(
    alpha: float, squared: bool, pull: float, push: float, regulariser: float, total: float
) -> None:
    points = torch.tensor([[0, 0], [2, 0], [3, 0], [3, 2], [1, 1], [1, 5]], dtype=torch.float64)
    embedding = points.T.reshape(1, 2, 2, 3)
    instances = torch.tensor([[[4, 4, 9], [9, 0, 0]]])
    terms = discriminative_terms(embedding, instances, instances == 0, alpha=alpha, squared=squared)
    expected = torch.tensor([pull, push, regulariser], dtype=torch.float64)
    torch.testing.assert_close(torch.stack(list(terms)), expected, rtol=0, atol=1e-6)
    loss = discriminative_loss(embedding, instances, instances == 0, alpha=alpha, squared=squared)
    assert loss.item() == pytest.approx(total, abs=1e-6)


def test_ids_are_names_only() -> None:
    embedding, instances, background = random_batch(0)
    renamed = torch.where(instances > 0, 2**31 - 1 - 1000 * instances, 0)
    for ids in (renamed, renamed.long(), torch.where(instances > 0, 6 - instances, -1)):
        torch.testing.assert_close(
            discriminative_loss(embedding, ids, background),
            discriminative_loss(embedding, instances, background),
        )
    everywhere = instances.clamp(min=1)  # huge ids, and no pixel without one
    torch.testing.assert_close(
        discriminative_loss(embedding, 2**31 - 1 - 1000 * everywhere, background),
        slow(embedding, everywhere, background),
    )


def test_images_that_lack_something() -> None:
    embedding, instances, background = random_batch(1, images=5)
    instances[0] = 0  # no nucleus
    instances[1] = (instances[1] > 2).int()  # one nucleus
    background[2] = False
    instances[3], background[3] = (instances[3] == 1).int(), False  # one nucleus and nothing else
    instances[4], background[4] = 1, True  # the background has no pixel left
    assert_same((embedding, instances, background), alpha=0.5)


def test_without_any_nucleus_it_is_zero_with_a_graph() -> None:
    embedding, instances, background = random_batch(2)
    for known in (torch.ones_like(background), torch.zeros_like(background)):
        loss = discriminative_loss(embedding, torch.zeros_like(instances), known)
        (gradient,) = torch.autograd.grad(loss, embedding)
        assert loss.item() == 0
        assert (gradient == 0).all()


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("deltas", [(0.5, 3.0), (0.0, 3.0)])
def test_distances_of_zero_have_a_gradient(deltas: tuple[float, float], squared: bool) -> None:
    # All pixels at their means, all means equal and at the origin.
    embedding = torch.zeros(2, 3, 4, 4, requires_grad=True)
    instances = torch.arange(16).view(1, 4, 4).expand(2, 4, 4) // 4
    loss = discriminative_loss(
        embedding,
        instances,
        instances == 0,
        delta_intra=deltas[0],
        delta_inter=deltas[1],
        squared=squared,
    )
    (gradient,) = torch.autograd.grad(loss, embedding)
    assert loss.item() == pytest.approx(deltas[1] ** (2 if squared else 1))
    assert (gradient == 0).all()


@pytest.mark.parametrize("autocast", [True, False])
def test_half_precision_is_computed_in_full(autocast: bool) -> None:
    embedding, instances, background = random_batch(3)
    half = embedding.detach().bfloat16().requires_grad_()
    full = half.detach().double().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        loss = discriminative_loss(half, instances, background)
    expected = slow(full, instances, background)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=0)
    (gradient,) = torch.autograd.grad(loss, half)
    (same,) = torch.autograd.grad(expected, full)
    torch.testing.assert_close(gradient.double(), same, rtol=2**-7, atol=1e-6)


def test_the_memory_layout_does_not_matter() -> None:
    embedding, instances, background = random_batch(4)
    laid_out = embedding.detach().to(memory_format=torch.channels_last)
    torch.testing.assert_close(
        discriminative_loss(laid_out, instances, background),
        discriminative_loss(embedding, instances, background),
    )
