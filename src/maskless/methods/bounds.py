"""Numbers with which a method cannot learn, refused in a sentence."""

from maskless.errors import UserError


def refuse_unlearnable(method: str, **above_zero: float) -> None:
    """Raise UserError naming those of the numbers that are not above 0."""
    if wrong := [f"{name}={value}" for name, value in above_zero.items() if value <= 0]:
        raise UserError(f"{method} cannot learn with {', '.join(wrong)}: above 0 is wanted")


def refuse_negative(method: str, **at_least_zero: float) -> None:
    """Raise UserError naming those of the numbers that are below 0."""
    if wrong := [f"{name}={value}" for name, value in at_least_zero.items() if value < 0]:
        raise UserError(f"{method} cannot learn with {', '.join(wrong)}: 0 or more is wanted")
