"""Checking files one by one, so that all that is wrong with a source is said at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from maskless.data.images import read_image
from maskless.errors import UserError


def problem_of(read: Callable[..., Any], *arguments: Any) -> list[str]:
    """The sentence with which `read(*arguments)` fails, as a list of one; empty if it does not."""
    try:
        read(*arguments)
    except UserError as error:
        return [str(error)]
    return []


def decoded_size(image: Path) -> tuple[tuple[int, int] | None, list[str]]:
    """(H, W) in px of an image that is decoded to its end, and what is wrong with it.

    The size is None if it cannot be read, so that its labels can still be checked by themselves.
    """
    try:
        height, width, _ = read_image(image).shape
    except UserError as error:
        return None, [str(error)]
    return (height, width), []
