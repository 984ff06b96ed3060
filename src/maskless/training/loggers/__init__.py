"""Loggers: they are told what a run records of itself, and a run does not need them."""
