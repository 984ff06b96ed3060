import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mock_embeddings import embedding_of
from scipy import ndimage
from sklearn.metrics import adjusted_rand_score

from maskless.data.synthetic import render
from maskless.errors import UserError
from maskless.metrics import aji
from maskless.postprocess.embeddings import drop_scattered, group

LABELS = hnp.arrays(np.int32, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 4))


def test_group_finds_the_nuclei_of_an_embedding() -> None:
    instances = render(0, 1, size_px=128).instances
    clusters = group(embedding_of(instances, blur_px=0.8), instances > 0, bandwidth=1.5)
    assert clusters.dtype == np.int32
    np.testing.assert_array_equal(clusters > 0, instances > 0)
    assert len(np.unique(instances)) > 15
    assert aji(instances, clusters) > 0.9


def test_group_takes_the_pixels_of_the_mask_alone() -> None:
    """What lies outside is not asked, be it finite or not."""
    embedding = np.zeros((3, 4, 5), np.float32)
    embedding[0, :, 3:] = 7
    mask = np.zeros((4, 5), np.uint8)
    mask[1:, 1:] = 255
    embedding[:, mask == 0] = np.nan
    assert group(embedding, mask, bandwidth=1.5).tolist() == [
        [0, 0, 0, 0, 0],
        [0, 2, 2, 1, 1],
        [0, 2, 2, 1, 1],
        [0, 2, 2, 1, 1],
    ]


def test_group_gives_a_cluster_one_id_wherever_it_lies() -> None:
    embedding = np.zeros((2, 3, 7), np.float16)
    embedding[:, :, 3] = 5
    mask = np.array([[1, 1, 0, 1, 0, 1, 1]] * 3)
    assert group(embedding, mask, bandwidth=1.5)[0].tolist() == [1, 1, 0, 2, 0, 1, 1]


def test_group_may_look_for_modes_among_fewer_pixels() -> None:
    embedding = np.zeros((1, 2, 9), np.float32)
    embedding[0, 0, 3::2] = 5  # no sixth pixel of the mask is there
    mask = np.ones((2, 9))
    assert group(embedding, mask, bandwidth=1.5).max() == 2
    assert group(embedding, mask, bandwidth=1.5, every=6).tolist() == mask.tolist()


def test_group_of_an_empty_mask_is_empty() -> None:
    clusters = group(np.full((16, 5, 6), np.nan, np.float32), np.zeros((5, 6), bool), bandwidth=1.5)
    assert clusters.shape == (5, 6)
    assert not clusters.any()


def test_a_map_of_one_value_a_pixel_is_an_embedding_of_one_dimension() -> None:
    values = np.array([[0.1, 0.2, 0.9], [0.8, 0.1, 0.0]], np.float32)
    clusters = group(values, np.ones((2, 3)), bandwidth=0.3)
    assert adjusted_rand_score(clusters.ravel(), (values > 0.5).ravel()) == 1


def test_group_refuses_what_a_diverged_network_gives() -> None:
    with pytest.raises(UserError, match="not all finite"):
        group(np.full((2, 3, 3), np.nan, np.float32), np.ones((3, 3)), bandwidth=1.5)
    with pytest.raises(UserError, match="above 0"):
        group(np.zeros((2, 3, 3), np.float32), np.ones((3, 3)), bandwidth=0)


def test_the_cluster_in_most_pieces_goes_if_they_are_enough() -> None:
    clusters = np.zeros((9, 11), np.int32)
    clusters[::2, ::5] = 7  # 15 pieces
    clusters[1, 2:4] = clusters[5, 7] = 3
    without = np.where(clusters == 7, 0, clusters)
    np.testing.assert_array_equal(drop_scattered(clusters, min_pieces=15), without)
    np.testing.assert_array_equal(drop_scattered(clusters, min_pieces=16), clusters)


def test_pieces_touch_across_corners() -> None:
    clusters = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [2, 0, 0, 0], [0, 0, 2, 0]])
    assert drop_scattered(clusters, min_pieces=2).tolist() == np.where(clusters == 2, 0, clusters).tolist()


@given(LABELS, st.integers(0, 6))
def test_drop_scattered_equals_counting_each_clusters_pieces(clusters: np.ndarray, min_pieces: int) -> None:
    pieces = {one: ndimage.label(clusters == one, np.ones((3, 3)))[1] for one in np.unique(clusters) if one}
    most = max(pieces.values(), default=0)
    goes = min((one for one, number in pieces.items() if number == most), default=0)
    expected = np.where(clusters == goes, 0, clusters) if most >= min_pieces else clusters
    result = drop_scattered(clusters, min_pieces=min_pieces)
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result, expected)
