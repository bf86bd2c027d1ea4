"""Archives of arrays: what is torn or altered is one line, whatever zip and numpy make of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from semloc_ros.maps.archives import read_archive


@pytest.fixture(params=[np.savez, np.savez_compressed])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "a.npz"
    arrays = {"noise": np.random.default_rng(0).random(300), "text": np.array("words")}
    request.param(path, **arrays)
    return path


def test_all_arrays_are_read(archive: Path) -> None:
    found = read_archive(archive)
    assert found["noise"].shape == (300,) and str(found["text"]) == "words"


def test_an_altered_or_cut_file_is_read_or_named(archive: Path) -> None:
    whole, rng, refused = archive.read_bytes(), np.random.default_rng(1), 0
    spoiled = [whole[:length] for length in range(0, len(whole), 53)]
    for _ in range(400):
        altered = bytearray(whole)
        altered[rng.integers(len(whole))] ^= int(rng.integers(1, 256))
        spoiled.append(bytes(altered))
    for data in spoiled:
        archive.write_bytes(data)
        try:
            read_archive(archive)
        except (OSError, ValueError) as error:  # such as a place before the first byte
            refused += 1
            assert str(error)
    assert refused > 300


def test_one_array_alone_is_no_archive(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(ValueError, match="one array alone"):
        read_archive(tmp_path / "a.npy")


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_archive(tmp_path / "a.npz")
