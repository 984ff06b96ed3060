"""Nuclei segmentation without masks."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["__version__", "load"]

if TYPE_CHECKING:
    from maskless.loading import load


def __getattr__(name: str) -> Any:
    # On first use: importing maskless alone loads no torch.
    if name == "load":
        from maskless.loading import load

        return load
    raise AttributeError(f"module 'maskless' has no attribute {name!r}")
