"""Two real processes (gloo), with DDP's averaging, against one that has both batches."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from maskless.losses import batch_dice_loss, discriminative_loss, mean_over_processes, partial_cross_entropy
from maskless.losses.attention import mean_by_group

Result = dict[str, tuple[Tensor, Tensor]]


def squares(output: Tensor, count: int) -> Tensor:
    """The mean square of the first `count` numbers."""
    return mean_over_processes(output.flatten()[:count].square().sum(), torch.tensor(count))


def two_means(output: Tensor, counts: Tensor) -> Tensor:
    """As `squares`, of two things at once."""
    totals = torch.stack([output.flatten()[:n].square().sum() for n in counts.tolist()])
    return mean_over_processes(totals, counts).sum()


def partial(output: Tensor, labels: Tensor) -> Tensor:
    return partial_cross_entropy(output[:, :2], labels)


def discriminative(output: Tensor, instances: Tensor) -> Tensor:
    return discriminative_loss(output, instances.clamp(min=0), instances == 0, alpha=0.5)


def dice_of_all(output: Tensor, target: Tensor) -> Tensor:
    return batch_dice_loss(output[:, :1].sigmoid(), target)


def halves() -> tuple[list[Tensor], dict[str, tuple[Callable, list]]]:
    """The images of each process, and by name a loss with the targets of each process."""
    generator = torch.Generator().manual_seed(0)
    images = [torch.randn(2, 3, 6, 6, dtype=torch.float64, generator=generator) for _ in range(2)]
    labels = torch.tensor([0, 1, 255])[torch.randint(0, 3, (2, 2, 6, 6, 2), generator=generator)].byte()
    labels[1, 0] = 255  # uneven
    labels[1, 1, :, 2:, 1] = 255
    ids = torch.randint(-1, 4, (2, 2, 6, 6), generator=generator)
    one_empty = ids.clone()
    one_empty[1, 0] = 0
    poor_labels, poor_ids = labels.clone(), ids.clone()
    poor_labels[1], poor_ids[1] = 255, 0
    nothing = torch.full_like(labels, 255)
    masks = (ids > 0).double().unsqueeze(2)
    one_without = masks.clone()
    one_without[1] = 0
    cases: dict[str, tuple[Callable, list]] = {
        "squares, uneven": (squares, [100, 7]),
        "squares, one has none": (squares, [0, 7]),
        "squares, none": (squares, [0, 0]),
        "two means": (two_means, [torch.tensor([3, 0]), torch.tensor([50, 9])]),
        "partial labels, uneven": (partial, list(labels)),
        "partial labels, one has none": (partial, list(poor_labels)),
        "partial labels, none": (partial, list(nothing)),
        "discriminative": (discriminative, list(ids)),
        "discriminative, uneven": (discriminative, list(one_empty)),
        "discriminative, one has none": (discriminative, list(poor_ids)),
        "discriminative, none": (discriminative, list(torch.zeros_like(ids))),
        "dice": (dice_of_all, list(masks)),
        "dice, uneven": (dice_of_all, list(one_without)),
    }
    return images, cases


def groups() -> list[tuple[Tensor, Tensor]]:
    """The values of each process, and their groups: one is on both, one on the first, two on none."""
    return [
        (torch.tensor([1.0, 5.0, 0.5]), torch.tensor([0, 1, 0])),
        (torch.tensor([4.0]), torch.tensor([0])),
    ]


def network() -> nn.Module:
    torch.manual_seed(1)
    return nn.Conv2d(3, 4, 3, padding=1).double()


def gradient_of(module: nn.Module) -> Tensor:
    return torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])


def one_rank(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    images, cases = halves()
    results: Result = {}
    for name, (loss_of, targets) in cases.items():
        module = DistributedDataParallel(network())
        loss = loss_of(module(images[rank]), targets[rank])
        loss.backward()
        value = loss.detach().clone()
        dist.all_reduce(value)
        results[name] = (value / 2, gradient_of(module))
    results["means by group"] = mean_by_group(*groups()[rank], 4)
    torch.save(results, folder / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    folder = tmp_path_factory.mktemp("ranks")
    torch.multiprocessing.spawn(one_rank, (folder,), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize(
    "name", [name for name in halves()[1] if "squares" not in name and "two" not in name]
)
def test_a_loss_on_two_processes_equals_that_on_one(name: str, ranks: list[Result]) -> None:
    images, cases = halves()
    loss_of, targets = cases[name]
    module = network()
    loss = loss_of(module(torch.cat(images)), torch.cat(targets))
    loss.backward()
    for result in ranks:
        value, gradient = result[name]
        torch.testing.assert_close(value, loss.detach())
        torch.testing.assert_close(gradient, gradient_of(module))
    assert (loss.item() == 0) == name.endswith(", none")


@pytest.mark.parametrize("name", [name for name in halves()[1] if "squares" in name])
def test_a_mean_on_two_processes_is_that_of_all_elements(name: str, ranks: list[Result]) -> None:
    images, cases = halves()
    module = network()
    outputs = [module(part).flatten()[:count] for part, count in zip(images, cases[name][1], strict=True)]
    elements = torch.cat(outputs)
    expected = (
        elements.square().mean() if len(elements) else 0 * outputs[0].sum() + 0 * module(images[0]).sum()
    )
    expected.backward()
    for result in ranks:
        torch.testing.assert_close(result[name], (expected.detach(), gradient_of(module)))


def test_several_means_in_one_exchange(ranks: list[Result]) -> None:
    images, cases = halves()
    module = network()
    first, second = (module(part).flatten() for part in images)
    a, b = cases["two means"][1]
    expected = sum(torch.cat([first[:m], second[:n]]).square().mean() for m, n in zip(a, b, strict=True))
    assert isinstance(expected, Tensor)
    expected.backward()
    for result in ranks:
        torch.testing.assert_close(result["two means"], (expected.detach(), gradient_of(module)))


def test_means_by_group_on_two_processes_are_those_of_all_values(ranks: list[Result]) -> None:
    values, of_group = (torch.cat(parts) for parts in zip(*groups(), strict=True))
    expected = mean_by_group(values, of_group, 4)
    assert expected[0].tolist() == pytest.approx([5.5 / 3, 5, 0, 0])
    for result in ranks:
        torch.testing.assert_close(result["means by group"], expected)


def test_on_one_process_it_is_the_mean() -> None:
    values = torch.tensor([1.0, 2.0, 6.0], requires_grad=True)
    mean = mean_over_processes(values.sum(), torch.tensor(3))
    mean.backward()
    assert mean.item() == 3
    torch.testing.assert_close(values.grad, torch.full((3,), 1 / 3))


def test_counts_may_be_fractions_and_zero() -> None:
    totals = torch.tensor([1.0, 0.0, 3.0], requires_grad=True)
    means = mean_over_processes(totals, torch.tensor([0.5, 0.0, 2.0]))
    means.sum().backward()
    torch.testing.assert_close(means, torch.tensor([2.0, 0.0, 1.5]))
    torch.testing.assert_close(totals.grad, torch.tensor([2.0, 0.0, 0.5]))
