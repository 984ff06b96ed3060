"""Which of many possible pairs become one-to-one pairs: greedily, of the highest total, or as many as can.

Pairs are the edges of a sparse graph: pair k joins `left[k]` with `right[k]` (indices from 0), and no two
join the same. Nothing here is as large as all of one side times all of the other.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import (
    connected_components,
    maximum_bipartite_matching,
    min_weight_full_bipartite_matching,
)

Indices = NDArray[np.int64]


def greedy(left: Indices, right: Indices, weight: NDArray[np.float64]) -> Indices:
    """The pairs (indices) that are taken when the heaviest pair of two free ends always comes next.

    On ties the lowest `left` comes first, then the lowest `right`.
    """
    order = np.lexsort((right, left, -weight))
    free_left, free_right = bytearray(b"\1" * _count(left)), bytearray(b"\1" * _count(right))
    chosen = []
    # A pair of numbers a turn; what is taken decides what can be: no array operation says it in one go.
    for pair, a, b in zip(order.tolist(), left[order].tolist(), right[order].tolist(), strict=True):
        if free_left[a] and free_right[b]:
            free_left[a] = free_right[b] = 0
            chosen.append(pair)
    return np.array(chosen, np.int64)


def heaviest(left: Indices, right: Indices, weight: NDArray[np.float64]) -> Indices:
    """The one-to-one pairs (indices) of the highest total `weight`; every weight is above 0 and up to 1.

    First, as often as it can be, pairs that weigh no less than the best other pair of their left end and the
    best other of their right end together: whoever leaves such a pair out gains nothing. Of two that tie at
    one end the one of the lowest `left`, then `right`, is taken. An exact solver gets what remains, one
    connected component at a time; which of several solutions of one total it takes depends on nothing but
    the component.
    """
    chosen = []
    rest = np.lexsort((right, left))
    while len(rest):
        sure = rest[_dominant(left[rest], right[rest], weight[rest])]
        sure = sure[np.unique(left[sure], return_index=True)[1]]
        sure = sure[np.unique(right[sure], return_index=True)[1]]
        if not len(sure):
            break
        chosen.append(sure)
        rest = rest[~(np.isin(left[rest], left[sure]) | np.isin(right[rest], right[sure]))]
    for pairs in _components(left, right, rest):
        chosen.append(pairs[_solved(left[pairs], right[pairs], weight[pairs])])
    return np.sort(np.concatenate([np.zeros(0, np.int64), *chosen]))


def most(left: Indices, right: Indices) -> int:
    """How many one-to-one pairs there can be at once."""
    if not len(left):
        return 0
    graph = csr_array((np.ones(len(left), np.int8), (left, right)), (_count(left), _count(right)))
    return int(np.count_nonzero(maximum_bipartite_matching(graph, perm_type="column") >= 0))


def _dominant(left: Indices, right: Indices, weight: NDArray[np.float64]) -> NDArray[np.bool_]:
    return weight >= _best_other(left, weight) + _best_other(right, weight)


def _best_other(end: Indices, weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each pair the highest weight among the other pairs at this end, 0 if there is none."""
    order = np.lexsort((-weight, end))
    ends, weights = end[order], weight[order]
    first = np.diff(ends, prepend=-1) > 0
    has_second = np.append(~first[1:], False)
    highest = weights[first][np.cumsum(first) - 1]
    second = np.where(has_second, np.append(weights[1:], 0.0), 0.0)
    other = np.empty_like(weight)
    other[order] = np.where(first, second, highest)
    return other


def _components(left: Indices, right: Indices, pairs: Indices) -> list[Indices]:
    """`pairs`, sorted by `left`, then `right`, cut into the connected components of their graph."""
    if not len(pairs):
        return []
    lefts = _count(left)
    nodes = lefts + _count(right)
    graph = csr_array((np.ones(len(pairs), np.int8), (left[pairs], lefts + right[pairs])), (nodes, nodes))
    component = connected_components(graph, directed=False)[1][left[pairs]]
    order = np.argsort(component, kind="stable")
    return np.split(pairs[order], np.flatnonzero(np.diff(component[order])) + 1)


def _solved(left: Indices, right: Indices, weight: NDArray[np.float64]) -> Indices:
    """`heaviest` of connected pairs: each left end is given a partner of its own that weighs nothing, for the
    solver matches all; and 1 is added to every weight, for it takes 0 for no pair."""
    left, right = (np.unique(end, return_inverse=True)[1] for end in (left, right))
    lefts, rights = _count(left), _count(right)
    own = np.arange(lefts)
    rows, columns = np.concatenate([left, own]), np.concatenate([right, rights + own])
    weights = np.concatenate([1 + weight, np.ones(lefts)])
    graph = csr_array((weights, (rows, columns)), (lefts, rights + lefts))
    partner: NDArray[Any] = min_weight_full_bipartite_matching(graph, maximize=True)[1]
    return np.flatnonzero(partner[left] == right)


def _count(end: Indices) -> int:
    return int(end.max()) + 1 if len(end) else 0
