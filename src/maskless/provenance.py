"""Where a figure comes from beside its configuration: the code, the packages, the machine."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = [
    "maskless",
    "torch",
    "lightning",
    "monai",
    "hydra-core",
    "albumentations",
    "numpy",
    "scipy",
    "scikit-image",
    "opencv-python-headless",
    "optuna",
]


def machine() -> dict[str, Any]:
    """What figures depend on beside versions: the platform, and how many threads sums are split over."""
    return {
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
    }


def versions() -> dict[str, str | None]:
    """The version of each package that figures depend on, None if it is not installed."""
    return {package: _version(package) for package in PACKAGES}


def commit() -> str | None:
    """The commit of the checkout that maskless runs from, with '+' if changed; None if it is no checkout."""
    here = Path(__file__).resolve().parent

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(here), *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        # Only a checkout of maskless itself: an installed package may lie inside somebody's own repository.
        if not git("ls-files", "--", str(here / "provenance.py")):
            return None
        return git("rev-parse", "HEAD") + (
            "+" if git("status", "--porcelain", "--untracked-files=no") else ""
        )
    except (OSError, subprocess.CalledProcessError):
        return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
