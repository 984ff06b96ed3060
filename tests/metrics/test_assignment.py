import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_map_examples import TOLERANCE
from scipy.optimize import linear_sum_assignment

from maskless.metrics.assignment import greedy, heaviest, most


@st.composite
def graphs(draw):
    """Up to 7 x 7 nodes, any of their pairs, weights from a few values (so that they tie) or from many."""
    nodes = draw(st.integers(1, 7))
    possible = [(a, b) for a in range(nodes) for b in range(nodes)]
    pairs = draw(st.lists(st.sampled_from(possible), unique=True, max_size=len(possible)))
    values = draw(st.sampled_from([[0.25], [0.25, 0.5, 0.75], [k / 997 for k in range(1, 997)]]))
    weights = draw(st.lists(st.sampled_from(values), min_size=len(pairs), max_size=len(pairs)))
    left, right = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    return left, right, np.array(weights, float)


def is_one_to_one(left, right, chosen):
    return len(set(left[chosen])) == len(set(right[chosen])) == len(chosen)


def dense(left, right, weight):
    matrix = np.zeros((left.max(initial=0) + 1, right.max(initial=0) + 1))
    matrix[left, right] = weight
    return matrix


def slow_greedy(left, right, weight):
    pairs = sorted(range(len(weight)), key=lambda k: (-weight[k], left[k], right[k]))
    chosen = []
    for k in pairs:
        if all(left[k] != left[c] and right[k] != right[c] for c in chosen):
            chosen.append(k)
    return chosen


@settings(deadline=None, max_examples=300)
@given(graphs())
def test_greedy_takes_the_heaviest_free_pair_each_time(graph):
    assert greedy(*graph).tolist() == slow_greedy(*graph)


@settings(deadline=None, max_examples=300)
@given(graphs())
def test_the_heaviest_pairs_have_the_highest_total(graph):
    chosen = heaviest(*graph)
    matrix = dense(*graph)
    assert is_one_to_one(*graph[:2], chosen)
    highest = matrix[linear_sum_assignment(matrix, maximize=True)].sum()
    assert graph[2][chosen].sum() == pytest.approx(highest, abs=TOLERANCE)


@settings(deadline=None, max_examples=200)
@given(graphs())
def test_as_many_pairs_as_there_can_be(graph):
    matrix = dense(*graph) > 0
    assert most(*graph[:2]) == matrix[linear_sum_assignment(matrix, maximize=True)].sum()


def test_greedy_and_heaviest_differ():
    left, right, weight = np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([0.5, 0.4, 0.4])
    assert greedy(left, right, weight).tolist() == [0]
    assert heaviest(left, right, weight).tolist() == [1, 2]


def test_ties_at_one_node_go_to_the_lowest():
    node, others = np.zeros(3, np.int64), np.array([2, 0, 1])
    weight = np.full(3, 0.3)
    assert heaviest(node, others, weight).tolist() == heaviest(others, node, weight).tolist() == [1]
    assert greedy(node, others, weight).tolist() == greedy(others, node, weight).tolist() == [1]


def test_many_nodes_need_no_matrix_of_all():
    # Squares of two nodes a side, all four pairs: none is sure to be right, so they need the solver. The rest
    # are pairs that nothing else touches.
    squares, alone, random = 300, np.arange(600, 100_600), np.random.default_rng(0)
    corner = 2 * np.repeat(np.arange(squares), 4)
    left = np.concatenate([corner + np.tile([0, 0, 1, 1], squares), alone])
    right = np.concatenate([corner + np.tile([0, 1, 0, 1], squares), alone])
    weight = random.uniform(0.3, 0.4, left.size)
    chosen = heaviest(left, right, weight)
    a, b, c, d = weight[: 4 * squares].reshape(-1, 4).T
    total = np.maximum(a + d, b + c).sum() + weight[4 * squares :].sum()
    assert is_one_to_one(left, right, chosen)
    assert weight[chosen].sum() == pytest.approx(total, abs=1e-6)
    assert len(greedy(left, right, weight)) == most(left, right) == len(chosen)


@settings(deadline=None)
@given(graphs(), graphs())
def test_what_is_chosen_in_one_component_does_not_depend_on_others(graph, other):
    left, right, weight = (np.concatenate(both) for both in zip(graph, other, strict=True))
    left[len(graph[0]) :] += 7
    right[len(graph[0]) :] += 7
    for choose in (greedy, heaviest):
        apart = [*choose(*graph), *(len(graph[0]) + choose(*other))]
        assert sorted(choose(left, right, weight)) == sorted(apart)
