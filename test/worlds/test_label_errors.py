"""Wrong labels of a chosen share, in patches; label maps of a world as files."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from semloc_ros.errors import ConfigError, DatasetError
from semloc_ros.maps.label_sets import find_label_set
from semloc_ros.worlds.label_errors import with_errors
from semloc_ros.worlds.label_files import write_label_maps

SIZE = (120, 160)


def scene() -> np.ndarray:
    """Sky, house, road, a strip that is unknown."""
    labels = np.full(SIZE, 2, np.uint8)
    labels[:40], labels[90:], labels[60:64] = 10, 0, 255
    return labels


@pytest.mark.parametrize("share", [0.0, 0.1, 0.2, 0.3, 0.8])
def test_the_share_is_met_to_the_pixel(share: float) -> None:
    labels = scene()
    found = with_errors(labels, share, 19, np.random.default_rng(1))
    known = labels != 255
    assert (found != labels).sum() == round(share * known.sum())
    assert (found[~known] == 255).all()
    assert set(np.unique(found)) == {0, 2, 10, 255}  # what is in the image


def test_errors_come_in_patches_of_many_sizes() -> None:
    wrong = with_errors(scene(), 0.2, 19, np.random.default_rng(2)) != scene()
    _, _, stats, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    assert 3 < len(areas) < 0.02 * wrong.sum()  # single pixels would be thousands
    assert areas.max() > 8 * areas.min()


def test_an_image_of_one_label_gets_others() -> None:
    found = with_errors(np.full(SIZE, 3, np.uint8), 0.3, 5, np.random.default_rng(0))
    assert set(np.unique(found)) <= {0, 1, 2, 3, 4}
    assert (found != 3).sum() == round(0.3 * found.size)


def test_nothing_known_stays_so() -> None:
    blank = np.full(SIZE, 65535, np.uint16)
    assert (with_errors(blank, 0.3, 5, np.random.default_rng(0)) == 65535).all()


@pytest.mark.parametrize("share", [-0.1, 0.81, np.nan])
def test_other_shares_are_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="errors: expected 0 to 0.8"):
        with_errors(scene(), share, 19, np.random.default_rng(0))


@pytest.fixture()
def world(tmp_path: Path) -> Path:
    """One traversal of two frames: tables and truth labels."""
    folder = tmp_path / "world"
    run = folder / "frames" / "summer"
    (run / "sensors").mkdir(parents=True)
    tables = {
        "sensors": "left, left, camera, PINHOLE, 160, 120, 90, 90, 79.5, 59.5\n",
        "trajectories": "5, left, 1, 0, 0, 0, 0, 0, 0\n6, left, 1, 0, 0, 0, 1, 0, 0\n",
        "records_camera": "5, left, left/000000.jpg\n6, left, left/000001.jpg\n",
    }
    for name, text in tables.items():
        (run / "sensors" / f"{name}.txt").write_text(f"# kapture format: 1.1\n{text}")
    for index in (0, 1):
        path = run / "truth" / "left" / f"{index:06d}.labels.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), scene())
    about = {"world": "gallery", "outputs": ["frames"], "fingerprint": "0",
             "traversals": [{"name": "summer", "setting": "summer"}]}
    (folder / "world.json").write_text(json.dumps(about))
    return folder


def written(out: Path) -> list[np.ndarray]:
    files = [out / "summer" / "left" / f"{index:06d}.png" for index in (0, 1)]
    return [cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in files]


def test_label_maps_are_written_with_what_they_mean(world: Path, tmp_path: Path) -> None:
    told = []
    number = write_label_maps(world, "classes", tmp_path / "a", lambda *at: told.append(at))
    assert number == 2
    assert told == [(1, 2), (2, 2)]
    assert all(np.array_equal(one, scene()) for one in written(tmp_path / "a"))
    labels = find_label_set(tmp_path / "a" / "summer")
    assert labels is not None
    assert labels.names[:3] == ("road", "sidewalk", "building")
    assert labels.stationary.sum() == 11


def test_errors_are_of_the_frame_and_the_seed(world: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_label_maps(
            world, "classes", tmp_path / name, lambda *at: None, errors=0.2, seed=seed
        )
    first, again, other = (written(tmp_path / name) for name in "abc")
    wanted = round(0.2 * (scene() != 255).sum())
    assert [(one != scene()).sum() for one in first] == [wanted, wanted]
    assert np.array_equal(first, again)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"kind": "parts"}, "kind: expected classes or subclasses, got parts"),
        ({"kind": "subclasses"}, "expected a street, got gallery"),
        ({"traversals": ["dusk"]}, "traversal: expected summer, got dusk"),
        ({"errors": 0.9}, "errors: expected 0 to 0.8, got 0.9"),
    ],
)
def test_what_there_is_not_is_one_line(options, line, world: Path, tmp_path: Path) -> None:
    given = {"kind": "classes", **options}
    with pytest.raises((DatasetError, ConfigError)) as caught:
        write_label_maps(world, given.pop("kind"), tmp_path / "out", lambda *at: None, **given)
    assert line in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_files_of_others_are_not_touched(world: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("")
    with pytest.raises(DatasetError, match="expected a new folder, got other files"):
        write_label_maps(world, "classes", tmp_path / "out", lambda *at: None)


def test_a_frame_without_truth_is_named(world: Path, tmp_path: Path) -> None:
    (world / "frames" / "summer" / "truth" / "left" / "000001.labels.png").unlink()
    with pytest.raises(DatasetError, match=r"000001.labels.png: expected the frame's truth"):
        write_label_maps(world, "classes", tmp_path / "out", lambda *at: None)
