"""Hydra's launcher for sweeps: each job is a process of its own, and a failed one does not stop the rest."""

from hydra_plugins.maskless_sweep.launcher import ProcessLauncher

__all__ = ["ProcessLauncher"]
