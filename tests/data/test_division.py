from hypothesis import given, settings
from hypothesis import strategies as st

from maskless.data.division import divide
from maskless.signals import Item


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=30),
    shares=st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 9)),
    seed=st.integers(0, 5),
)
@settings(deadline=None)
def test_any_division_keeps_groups_whole_and_comes_near_the_shares(
    sizes: list[int], shares: tuple[int, int, int], seed: int
) -> None:
    items = [Item(f"{group}-{k}", str(group)) for group, size in enumerate(sizes) for k in range(size)]
    fractions = {part: n / sum(shares) for part, n in zip(("train", "val", "test"), shares, strict=True)}
    split = divide(items, fractions, seed)
    assert not split.leaky
    assert sorted(i.id for part in split.parts.values() for i in part) == sorted(i.id for i in items)
    for part, share in fractions.items():
        count = len(split.parts[part])
        assert count <= share * len(items) + max(sizes)
        assert (count == 0) == (share == 0) or len(sizes) < 3
