"""Cluster labels: one texture, one label, wherever it stands and however bright; the same model
again from the same images, and from its file."""

import dataclasses

import cv2
import numpy as np
import pytest

from semloc_ros.config import ClusterLabelsConfig
from semloc_ros.errors import InputError, MapError
from semloc_ros.perception.cluster_labels import ClusterLabels, fit

SIZE = 96
CONFIG = ClusterLabelsConfig(smallest_px=4.0, scales=1, dimensions=16)


def texture(kind: str, height: int = SIZE, width: int = SIZE) -> np.ndarray:
    """(height, width, 3): stripes one way or the other, or a plain colour."""
    v, u = np.mgrid[:height, :width]
    if kind == "red":
        return np.broadcast_to(np.uint8([180, 40, 40]), (height, width, 3))
    phase = u if kind == "upright" else v
    gray = 120 + 60 * np.sin(phase * 2 * np.pi / 12)
    return np.repeat(gray[..., None], 3, axis=2).astype(np.uint8)


def scene(*kinds: str) -> np.ndarray:
    return np.ascontiguousarray(np.hstack([texture(kind) for kind in kinds]))


def commonest(labels: np.ndarray, place: int) -> tuple[int, float]:
    """Label, and its share, in the middle of the place-th texture of a scene."""
    inner = labels[24:-24, SIZE * place + 24 : SIZE * (place + 1) - 24]
    counts = np.bincount(inner.ravel())
    return int(counts.argmax()), counts.max() / inner.size


@pytest.fixture(scope="module")
def model() -> ClusterLabels:
    return fit([scene("upright", "level", "red")], 5, 0, CONFIG)


def test_a_texture_keeps_its_label_where_it_moves_and_others_get_another(model):
    before = model.label(scene("upright", "level", "red"))
    after = model.label(scene("red", "upright", "level")[3:])
    found = [commonest(before, place) for place in range(3)]
    again = [commonest(after, place) for place in (1, 2, 0)]
    assert len({label for label, _ in found}) == 3
    assert [label for label, _ in again] == [label for label, _ in found]
    assert min(share for _, share in found + again) > 0.95


def test_edges_tell_labels_where_the_light_has_changed():
    gray = dataclasses.replace(CONFIG, color_weight=0.0)
    model = fit([scene("upright", "level")], 2, 0, gray)
    bright = scene("upright", "level")
    dark = (bright * 0.6 + 10).astype(np.uint8)
    assert [commonest(model.label(dark), place)[0] for place in range(2)] == [
        commonest(model.label(bright), place)[0] for place in range(2)
    ]


def test_the_same_seed_gives_the_same_model():
    rng = np.random.default_rng(0)
    images = [
        cv2.resize(rng.integers(0, 255, (12, 16, 3), np.uint8), (160, 120)) for _ in range(3)
    ]
    config = dataclasses.replace(CONFIG, cells_per_image=200)
    one, two, other = (fit(images, 6, seed, config) for seed in (4, 4, 5))
    assert np.array_equal(one.centroids, two.centroids)
    assert np.array_equal(one.label(images[0]), two.label(images[0]))
    assert not np.array_equal(one.centroids, other.centroids)


def test_a_saved_model_labels_as_before(model, tmp_path):
    model.save(tmp_path / "new" / "labels.model")
    loaded = ClusterLabels.load(tmp_path / "new" / "labels.model")
    image = scene("level", "red")
    assert loaded.config == CONFIG
    assert np.array_equal(loaded.label(image), model.label(image))


@pytest.mark.parametrize("shape", [(50, 70), (51, 69, 3), (4, 4), (1, 3, 3)])
def test_label_maps_are_as_large_as_their_images(model, shape):
    labels = model.label(np.full(shape, 90, np.uint8))
    assert labels.shape == shape[:2]
    assert labels.dtype == np.uint8
    assert labels.max() < model.count


def test_more_than_255_labels_take_two_bytes():
    image = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    labels = fit([image], 300, 0, CONFIG).label(image)
    assert labels.dtype == np.uint16
    assert 255 < labels.max() < 300


def test_faults_of_input_are_named(model, tmp_path):
    with pytest.raises(InputError, match=r"labels: expected 1 to 64 for these images, got 65"):
        fit([np.zeros((32, 32), np.uint8)], 65, 0, CONFIG)
    with pytest.raises(InputError, match="8 bits per channel"):
        model.label(np.zeros((32, 32)))
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"PK, but no archive")
    with pytest.raises(MapError, match=r"broken.npz: expected a label model \(\.npz\), got"):
        ClusterLabels.load(broken)
    with pytest.raises(MapError, match=r"absent.npz: expected a label model"):
        ClusterLabels.load(tmp_path / "absent.npz")
    wrong = dataclasses.replace(model, axes=model.axes[:, :3])
    wrong.save(broken)
    with pytest.raises(MapError, match="arrays of one label model"):
        ClusterLabels.load(broken)
