"""Fixtures shared by all rooms."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The repository root, which is the ROS package root."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """`shared_data("redkitchen")`: that recorded data set's folder, or the test is skipped.

    The folder of data sets is `../shared/data` beside the project, or $SEMLOC_SHARED_DATA.
    """
    base = Path(os.environ.get("SEMLOC_SHARED_DATA", ROOT.parent / "shared" / "data"))

    def folder(name: str) -> Path:
        if not (base / name).exists():
            pytest.skip(f"no {base / name}: recorded data is not part of the repository")
        return base / name

    return folder


@pytest.fixture(scope="session")
def ros_domain() -> int:
    """A DDS domain of this test run alone, on this machine alone; set for child processes too."""
    domain = int(os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100)))
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    return domain
