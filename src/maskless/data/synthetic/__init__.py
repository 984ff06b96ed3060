"""Rendered tissue with known truth: H&E and Ki67 immunohistochemistry at any power."""

from maskless.data.synthetic.rendering import Tissue, check, render

__all__ = ["Tissue", "check", "render"]
