"""Pose networks on a tiny world with a car: what goes in, what comes out, what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from pose_room import HEIGHT, WIDTH, write_world

from semloc_ros.config.pose_study import SaliencyConfig
from semloc_ros.datasets.pose_views import masked_views, read_pose_views
from semloc_ros.errors import DatasetError, ModelError
from semloc_ros.evaluation.pose_runs import look, open_models, pictures_of, run_models
from semloc_ros.geometry import se3
from semloc_ros.networks.images import IMAGENET
from semloc_ros.networks.pose_about import PoseAbout

SIDE = 64
ABOUT = PoseAbout("plain", "mobile", 0, SIDE, SIDE, (8.0, 2.0, 1.0), (1.0,) * 6,
                  normalization=IMAGENET)  # fmt: skip


class Fake:
    """Says that the camera is to the right of the offset by the share of pixels that are zero, and
    looks where all cameras of the world look."""

    computed_by = "a test"

    def __init__(self, about):
        self.about, self.shapes = about, []

    def rows(self, planes):
        self.shapes.append(planes.shape)
        zero = (planes == 0).all(axis=1).mean(axis=(1, 2))
        found = np.zeros((len(planes), 7), np.float32)
        found[:, 0] = zero
        found[:, 3:] = [-1.0, 0.0, 0.0, 1.0]
        return found


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    world = write_world(tmp_path_factory.mktemp("runs") / "room", 160)
    test = read_pose_views([world / "frames" / "evening"], queries=True)
    return masked_views(test, "truth", world)


def test_each_network_is_tested_with_masks_and_without(views):
    models = {"plain": Fake(ABOUT), "masked": Fake(replace(ABOUT, masked=True))}
    counted = []
    study = run_models(models, views, lambda: counted.append(1))
    assert len(study.names) == len(counted) == len(views) == 40
    assert study.models("UT/MT") == ["plain"] and study.models("MT/UT") == ["masked"]
    truth = se3.inverse(np.stack([view.image.camera_from_map for view in views]))
    left, top = (WIDTH - SIDE) // 2, (HEIGHT - SIDE) // 2
    for row, view in enumerate(views):
        part = view.read_mask()[top : top + SIDE, left : left + SIDE]
        assert study.masked_share[row] == pytest.approx((part != 0).mean(), abs=1e-6)
    for combination, share in (("UT/UT", 0.0), ("UT/MT", study.masked_share)):
        expected = np.abs(8.0 + share - truth[:, 0, 3])
        assert study.errors(combination, "position")[0] == pytest.approx(expected, abs=1e-5)
        assert study.errors(combination, "rotation")[0] == pytest.approx(np.zeros(40), abs=1e-4)
    assert np.array_equal(study.errors("UT/MT", "position"), study.errors("MT/MT", "position"))
    middle = np.median(truth[:, 0, 3])
    assert study.guess["position"] == pytest.approx(np.abs(truth[:, 0, 3] - middle))
    assert {shape[1:] for shape in models["plain"].shapes} == {(3, SIDE, SIDE)}


def test_networks_of_other_inputs_get_their_own(views):
    small = replace(ABOUT, short_side=72, masked=True)
    models = {"plain": Fake(ABOUT), "masked": Fake(small)}
    study = run_models(models, views[:3])
    plain = Fake(replace(small, masked=False))
    alone = run_models({"plain": plain, "masked": Fake(small)}, views[:3])
    assert np.array_equal(study.errors("MT/MT", "position"), alone.errors("MT/MT", "position"))
    assert not np.array_equal(study.errors("UT/MT", "position"), alone.errors("UT/MT", "position"))


def test_images_without_masks_are_refused(views):
    models = {"plain": Fake(ABOUT), "masked": Fake(replace(ABOUT, masked=True))}
    with pytest.raises(DatasetError, match="expected a mask, got none"):
        run_models(models, [replace(views[0], read_mask=None)])
    odd = replace(views[0], read_mask=lambda: np.zeros((3, 3), np.uint8))
    with pytest.raises(DatasetError, match=views[0].image.name):
        run_models(models, [odd])


def test_pictures_go_from_the_most_covered_to_the_least():
    share = np.array([0.1, 0.0, 0.5, 0.3, 0.2])
    assert pictures_of(share, 3) == [2, 4, 1]
    assert pictures_of(share, 1) == [2]
    assert pictures_of(share, 9) == [2, 3, 4, 0, 1]
    assert pictures_of(share, 0) == []


def saved(folder, name, masked, side=SIDE):
    torch = pytest.importorskip("torch")
    from semloc_ros.networks.model_files import save_model
    from semloc_ros.networks.pose_regression import make_pose_network

    path = folder / f"{name}.safetensors"
    network = make_pose_network("mobile", torch.Generator().manual_seed(3))
    about = replace(ABOUT, name=name, masked=masked, width=side, height=side)
    save_model(path, network, about)
    return path


def test_networks_of_both_trainings_are_needed(tmp_path):
    plain, masked = saved(tmp_path, "plain", False), saved(tmp_path, "masked", True)
    assert list(open_models([plain, masked])) == ["plain", "masked"]
    with pytest.raises(ModelError, match="and some without, got only some without"):
        open_models([plain])
    with pytest.raises(ModelError, match="some without, got none"):
        open_models([])
    with pytest.raises(ModelError, match="files of different names"):
        open_models([plain, masked, plain])


def test_masked_networks_are_looked_at_with_masked_images(views, tmp_path):
    pytest.importorskip("captum")
    paths = [saved(tmp_path, "plain", False), saved(tmp_path, "masked", True)]
    config = SaliencyConfig(steps=2, samples=1, noise=0.0, baseline="mean")
    share = [float((view.read_mask() != 0).mean()) for view in views]
    view = views[int(np.argmax(share))]
    rows, looks = look(paths, [view], config, "cpu")
    (row,) = rows
    assert list(row.maps) == list(looks[view.image.name])
    assert list(row.maps) == [
        f"{name}, {part}" for name in ("plain", "masked") for part in ("position", "rotation")
    ]
    left, top = (WIDTH - SIDE) // 2, (HEIGHT - SIDE) // 2
    part = slice(top, top + SIDE), slice(left, left + SIDE)
    assert np.array_equal(row.image, view.image.read()[part])
    assert np.array_equal(row.mask != 0, view.read_mask()[part] != 0) and row.mask.any()
    assert not row.maps["masked, rotation"][row.mask != 0].any()
    assert row.maps["plain, rotation"][row.mask != 0].any()


def test_networks_without_masks_are_looked_at_without_any(views, tmp_path):
    pytest.importorskip("captum")
    plain, masked = saved(tmp_path, "plain", False), saved(tmp_path, "masked", True)
    config = SaliencyConfig(steps=2, samples=1)
    bare = replace(views[0], read_mask=None)
    ((row,), _) = look([plain], [bare], config, "cpu")
    assert not row.mask.any() and row.maps["plain, position"].any()
    with pytest.raises(DatasetError, match="expected a mask, got none"):
        look([plain, masked], [bare], config, "cpu")


def test_networks_that_see_images_of_other_sizes_are_not_looked_at_together(views, tmp_path):
    paths = [saved(tmp_path, "plain", False), saved(tmp_path, "other", True, 72)]
    with pytest.raises(ModelError, match="one size of input"):
        look(paths, views[:1], SaliencyConfig(), "cpu")
