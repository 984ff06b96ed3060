"""From dense maps to instances: pure functions on arrays, and chains of them."""

from maskless.postprocess.modes import mean_shift

__all__ = ["mean_shift"]
