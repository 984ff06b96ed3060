import pytest
from mock_segmenter import MockSegmenter


@pytest.fixture
def mock_segmenter() -> MockSegmenter:
    """A Segmenter that finds the same awkward nuclei in every image of at least 64x64 px."""
    return MockSegmenter()
