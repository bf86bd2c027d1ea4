"""Benchmarks are programs beside each other: they find what they share as the program does."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(scope="session", autouse=True)
def beside_each_other(project_root):
    """`import mask_gains` works as in `python benchmarks/mask_worth.py`."""
    sys.path.insert(0, str(project_root / "benchmarks"))
    yield
    sys.path.remove(str(project_root / "benchmarks"))
