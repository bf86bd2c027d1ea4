"""Labels of a map on disk: stored, read, replaced, checked."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest

from semloc_ros.errors import MapError
from semloc_ros.maps.storage import CACHE_FOLDER, load_map, save_map


@pytest.fixture()
def copy(map_folder, tmp_path):
    folder = tmp_path / "map"
    shutil.copytree(map_folder, folder)
    return folder


def edit_manifest(folder, change):
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_a_map_of_before_there_were_confusions_is_read(copy):
    for name in ("label_confusion.npy", "label_stationary.npy"):
        (copy / name).unlink()
        edit_manifest(copy, lambda content, name=name: content["files"].pop(name))
    older = load_map(copy)
    assert older.label_confusion.shape == (0, 0)
    assert older.label_stationary.shape == (0,)


def labelled(semantic_map, count):
    return dataclasses.replace(
        semantic_map,
        label_histogram=np.ones((semantic_map.num_points, count), np.uint16),
        label_confusion=np.arange(count**2, dtype=np.uint32).reshape(count, count),
        label_stationary=np.arange(count) % 2 == 0,
    )


def test_labels_are_stored_and_replaced_with_what_was_made_of_them(synthetic_map, tmp_path):
    save_map(labelled(synthetic_map, 5), tmp_path / "map")
    (tmp_path / "map" / CACHE_FOLDER).mkdir()
    (tmp_path / "map" / CACHE_FOLDER / "values.npy").write_bytes(b"old")
    loaded = load_map(tmp_path / "map")
    assert np.array_equal(loaded.label_confusion, np.arange(25).reshape(5, 5))
    assert loaded.label_stationary.tolist() == [True, False, True, False, True]
    save_map(loaded, tmp_path / "map")
    assert not (tmp_path / "map" / CACHE_FOLDER).exists()


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"label_stationary": np.ones(4, bool)}, "label_stationary shape: expected L? = 5 rows"),
        ({"label_confusion": np.ones((5, 4), np.uint32)}, "label_confusion shape: expected L? = 5"),
        ({"label_confusion": np.ones((5, 5), np.float64)}, "label_confusion: expected uint32"),
    ],
)
def test_labels_of_another_number_are_refused(changes, line, synthetic_map, tmp_path):
    broken = dataclasses.replace(labelled(synthetic_map, 5), **changes)
    with pytest.raises(MapError) as caught:
        save_map(broken, tmp_path / "map")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
