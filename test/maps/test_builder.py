"""Building against known truth, resuming, and refusing."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from semloc_ros.config import RefinementConfig
from semloc_ros.errors import MapError
from semloc_ros.geometry import se3
from semloc_ros.geometry.cameras import project
from semloc_ros.maps.builder import build_map
from semloc_ros.maps.storage import load_map
from semloc_ros.types import Camera

RADTAN = Camera("radtan", 640, 480, 500, 505, 321, 241, (-0.2, 0.05, 1e-3, -5e-4, 0.01))
RATIONAL = Camera(
    "radtan", 640, 480, 500, 505, 321, 241, (-0.2, 0.05, 1e-3, -5e-4, 0.01, 0.02, 0.01, 0.001)
)
FISHEYE = Camera("fisheye", 640, 480, 400, 402, 318, 242, (0.02, -0.01, 0.003, -0.0005))


def true_points(session, semantic_map):
    """The true point (P, 3) of each map point, found through its first observation's pixel."""
    rows = []
    for point in range(semantic_map.num_points):
        first = semantic_map.track_offsets[point]
        view = semantic_map.track_views[first]
        pixel = semantic_map.keypoints[semantic_map.track_features[first]]
        known = session.features[view].keypoints
        rows.append(session.truth[view][np.abs(known - pixel).sum(1).argmin()])
    return np.array(rows)


def test_points_are_where_they_truly_are(session, synthetic_map):
    truth = true_points(session, synthetic_map)
    error = np.linalg.norm(synthetic_map.points_map - session.points[truth], axis=1)
    assert synthetic_map.num_points > 300
    assert len(set(truth)) > 0.98 * len(truth), "physical points became several"
    assert np.median(error) < 0.02
    assert np.percentile(error, 98) < 0.1


def test_point_sigma_agrees_with_the_real_errors(session, synthetic_map):
    """Of a Gaussian, 68 % of the errors along the worst axis (here: depth) are within 1 sigma."""
    truth = true_points(session, synthetic_map)
    depth_error = np.abs(synthetic_map.points_map - session.points[truth])[:, 2]
    within = (depth_error < synthetic_map.point_sigma).mean()
    assert 0.58 < within < 0.80


def test_tracks_hold_observations_of_one_point_only(session, synthetic_map):
    truth = true_points(session, synthetic_map)
    for point in range(0, synthetic_map.num_points, 10):
        rows = synthetic_map.track_of(point)
        for view, row in zip(
            synthetic_map.track_views[rows], synthetic_map.track_features[rows], strict=True
        ):
            known = session.features[view].keypoints
            match = np.abs(known - synthetic_map.keypoints[row]).sum(1).argmin()
            assert session.truth[view][match] == truth[point]
            assert synthetic_map.feature_points[row] == point


def test_viewing_range_direction_and_colour(session, synthetic_map):
    truth = true_points(session, synthetic_map)
    centres = se3.inverse(np.stack([one.camera_from_map for one in session.images]))[:, :3, 3]
    for point in range(0, synthetic_map.num_points, 20):
        seen_by = synthetic_map.track_views[synthetic_map.track_of(point)]
        to_cameras = centres[seen_by] - synthetic_map.points_map[point]
        distances = np.linalg.norm(to_cameras, axis=1)
        mean = (to_cameras / distances[:, None]).mean(0)
        expected = (distances.min(), distances.max())
        assert synthetic_map.viewing_range[point] == pytest.approx(expected, rel=1e-5)
        assert synthetic_map.viewing_direction[point] == pytest.approx(
            mean / np.linalg.norm(mean), abs=1e-5
        )
    colour_error = np.abs(
        synthetic_map.colors_rgb.astype(int) - session.colors[truth].astype(int)
    ).max(1)
    assert np.median(colour_error) <= 1


@pytest.mark.parametrize("camera", [RADTAN, RATIONAL, FISHEYE], ids=["radtan", "8", "fisheye"])
def test_distorted_cameras(camera, new_session, config, tmp_path):
    session = new_session(camera=camera, noise_px=0.1)
    built = build_map(session.images, session.extract, config, tmp_path / "map")
    error = np.linalg.norm(
        built.points_map - session.points[true_points(session, built)], axis=1
    )
    assert built.num_points > 300
    assert np.median(error) < 0.006


def test_the_half_pixel_is_not_lost_inside(new_session, config, tmp_path):
    """Without noise the map is exact; half a pixel of shift would be 5 mm and more."""
    session = new_session(noise_px=0.0)
    built = build_map(session.images, session.extract, config, tmp_path / "map")
    error = np.linalg.norm(
        built.points_map - session.points[true_points(session, built)], axis=1
    )
    assert np.median(error) < 1e-4


def test_same_input_same_map(session, config, tmp_path):
    one = build_map(session.images, session.extract, config, tmp_path / "one")
    two = build_map(session.images, session.extract, config, tmp_path / "two")
    assert np.array_equal(one.points_map, two.points_map)
    assert np.array_equal(one.descriptors, two.descriptors)


def test_a_stopped_build_goes_on(session, config, tmp_path):
    calls = []

    def counted(pixels):
        if len(calls) == 5:
            raise KeyboardInterrupt
        calls.append(1)
        return session.extract(pixels)

    with pytest.raises(KeyboardInterrupt):
        build_map(session.images, counted, config, tmp_path / "map")
    assert not (tmp_path / "map").exists()
    calls_before = len(calls)
    calls.clear()
    calls.extend([1] * 6)  # never 5 again: no more interruption
    built = build_map(session.images, counted, config, tmp_path / "map")
    assert len(calls) - 6 == len(session.images) - calls_before
    assert built.num_views == len(session.images)
    assert not (tmp_path / "map.work").exists()


def test_a_changed_option_is_not_served_from_old_pieces(session, config, tmp_path):
    def stop(stage, done, total):
        if stage == "triangulation":
            raise KeyboardInterrupt

    strict = dataclasses.replace(config, epipolar_px=0.2)
    with pytest.raises(KeyboardInterrupt):
        build_map(session.images, session.extract, strict, tmp_path / "map", stop)
    resumed = build_map(session.images, session.extract, config, tmp_path / "map")
    fresh = build_map(session.images, session.extract, config, tmp_path / "fresh")
    assert resumed.num_points == fresh.num_points


def test_pieces_of_other_pixels_are_not_used(new_session, config, tmp_path):
    """Another world: the same names, stamps, cameras and poses, but other images."""
    def stop(stage, done, total):
        if stage == "triangulation":
            raise KeyboardInterrupt

    one, other = new_session(seed=0), new_session(seed=1)
    with pytest.raises(KeyboardInterrupt):
        build_map(one.images, one.extract, config, tmp_path / "map", stop)
    resumed = build_map(other.images, other.extract, config, tmp_path / "map")
    fresh = build_map(other.images, other.extract, config, tmp_path / "fresh")
    assert np.array_equal(resumed.descriptors, fresh.descriptors)
    assert np.array_equal(resumed.points_map, fresh.points_map)


KILLED = """
    import sys, time
    from pathlib import Path
    sys.path.insert(0, {tests!r})
    from conftest import make_session
    from semloc_ros.config import MapBuilderConfig
    from semloc_ros.maps.builder import build_map
    session = make_session()
    def slow(pixels):
        time.sleep(0.1)
        return session.extract(pixels)
    print("ready", flush=True)
    build_map(session.images, slow, MapBuilderConfig(), Path({out!r}))
"""


def test_a_killed_build_leaves_no_map_and_goes_on(session, project_root, tmp_path):
    out = tmp_path / "map"
    program = textwrap.dedent(KILLED).format(
        tests=str(project_root / "test" / "maps"), out=str(out)
    )
    environment = os.environ | {"PYTHONPATH": str(project_root)}
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment
    )
    assert child.stdout is not None and child.stdout.readline().strip() == b"ready"
    deadline = time.monotonic() + 20
    while len(list((tmp_path / "map.work").glob("*.npz"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert not out.exists()
    done = len(list((tmp_path / "map.work").glob("*.npz")))
    extracted = []

    def counted(pixels):
        extracted.append(1)
        return session.extract(pixels)

    from semloc_ros.config import MapBuilderConfig

    build_map(session.images, counted, MapBuilderConfig(), out)
    assert 3 <= done < len(session.images)
    # The function is another one, but of no other model: its pieces are the same.
    assert len(extracted) == len(session.images) - done
    assert load_map(out).num_views == len(session.images)


def test_features_without_a_point_are_kept_if_asked(session, config, tmp_path):
    lean = build_map(session.images, session.extract, config, tmp_path / "lean")
    full = build_map(
        session.images, session.extract, dataclasses.replace(config, keep_unmatched=True),
        tmp_path / "full",
    )
    assert full.num_features == sum(len(one) for one in session.features)
    assert lean.num_features == (full.feature_points >= 0).sum()
    assert (lean.feature_points >= 0).all()


def test_mending_finds_a_wrong_mounting_and_noisy_poses(new_session, config, tmp_path):
    """Given: poses with noise, behind one wrong extrinsic. Wanted: whole tracks, small errors."""
    session = new_session(num_views=12, noise_px=0.3)
    rng = np.random.default_rng(5)
    wrong = se3.exp([0.03, -0.02, 0.0, 0.0, 0.012, 0.0])
    given = [
        dataclasses.replace(
            image, camera_from_map=wrong @ se3.exp(rng.normal(0, 0.004, 6)) @ image.camera_from_map
        )
        for image in session.images
    ]
    refine = RefinementConfig(
        poses=True, position_sigma_m=0.01, rotation_sigma_deg=0.4,
        mounting_position_sigma_m=0.05, mounting_rotation_sigma_deg=1.0,
    )
    believed = build_map(given, session.extract, config, tmp_path / "believed")
    mended = build_map(
        given, session.extract, dataclasses.replace(config, refine=refine), tmp_path / "mended"
    )
    error = [one.manifest.build["median_error_px"] for one in (believed, mended)]
    assert error[1] < min(0.5, 0.5 * error[0])
    assert len(session.points) * 0.9 < mended.num_points < believed.num_points  # not torn apart


def test_mending_finds_the_focal_length(new_session, config, tmp_path):
    session = new_session(num_views=10, noise_px=0.2)
    wrong = dataclasses.replace(session.images[0].camera, fx=530.0, fy=540.6)  # 6 % too long
    given = [dataclasses.replace(image, camera=wrong) for image in session.images]
    refine = RefinementConfig(
        poses=True, position_sigma_m=1e-3, rotation_sigma_deg=0.05, focal_length_sigma=0.1
    )
    built = build_map(
        given, session.extract, dataclasses.replace(config, refine=refine), tmp_path / "map"
    )
    assert built.cameras[0].fx == pytest.approx(500.0, rel=0.01)
    assert built.cameras[0].fy == pytest.approx(510.0, rel=0.01)


def test_mending_finds_the_distortion(new_session, config, tmp_path):
    """The lens bends, the given camera is ideal: the mended one projects as the true one."""
    true = Camera("radtan", 640, 480, 500, 510, 320.3, 238.6, (-0.12, 0.03, 0.0, 0.0))
    session = new_session(camera=true, num_views=10, noise_px=0.2)
    ideal = dataclasses.replace(true, model="pinhole", distortion=())
    given = [dataclasses.replace(image, camera=ideal) for image in session.images]
    refine = RefinementConfig(
        poses=True, position_sigma_m=1e-3, rotation_sigma_deg=0.05, radial_distortion_sigma=0.3
    )
    built = build_map(
        given, session.extract, dataclasses.replace(config, refine=refine), tmp_path / "map"
    )
    points = np.random.default_rng(0).uniform([-2, -1.5, 4], [2, 1.5, 5], (100, 3))
    apart = project(built.cameras[0], points)[0] - project(true, points)[0]
    assert np.abs(project(ideal, points)[0] - project(true, points)[0]).max() > 5.0
    assert np.median(np.linalg.norm(apart, axis=1)) < 0.3


def _twice(images):
    return [*images[:3], images[0]]


def _bent(images):
    pose = images[1].camera_from_map * 1.1
    return [images[0], dataclasses.replace(images[1], camera_from_map=pose)]


def _no_baseline(images):
    return [images[0], dataclasses.replace(images[0], name="other")]


def _wrong_size(images):
    camera = dataclasses.replace(images[0].camera, width=320)
    return [dataclasses.replace(one, camera=camera) for one in images]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda images: images[:1], "images: expected at least 2 with a pose, got 1"),
        (_twice, "images: expected different names, got view0.png twice"),
        (_bent, "pose of view1.png: expected a last row 0 0 0 1"),
        (_no_baseline, "images: expected points seen from two places, got none triangulated"),
        (_wrong_size, "view0.png: expected 320x480 as its camera, got 640x480"),
    ],
)
def test_refusals(change, line, session, config, tmp_path):
    with pytest.raises(MapError) as caught:
        build_map(change(session.images), session.extract, config, tmp_path / "map")
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "map").exists()


def test_a_folder_that_is_no_map_is_not_overwritten(session, config, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("years of work")
    with pytest.raises(MapError, match="expected a map or nothing"):
        build_map(session.images, session.extract, config, tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter1.tex").read_text() == "years of work"


def test_what_others_keep_in_the_work_folder_stays(session, config, tmp_path):
    work = tmp_path / "map.work"
    work.mkdir()
    (work / "results.npz").write_text("mine")
    build_map(session.images, session.extract, config, tmp_path / "map")
    assert [path.name for path in work.iterdir()] == ["results.npz"]


BUILD_ALONE = """
import importlib.util, pathlib, sys
from semloc_ros.config import MapBuilderConfig, PairsConfig
from semloc_ros.maps.builder import build_map
spec = importlib.util.spec_from_file_location("session", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["session"] = module
spec.loader.exec_module(module)
session = module.make_session(num_views=6)
config = MapBuilderConfig(pairs=PairsConfig(neighbours=16), keypoint_sigma_px=0.5)
build_map(session.images, session.extract, config, pathlib.Path(sys.argv[2]))
"""


def test_processes_of_other_hash_seeds_build_the_same_arrays(tmp_path):
    sessions = str(Path(__file__).parent / "conftest.py")
    sealed = []
    for seed in ("1", "2"):
        command = [sys.executable, "-c", BUILD_ALONE, sessions, str(tmp_path / seed)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": seed})
        files = sorted(path for path in (tmp_path / seed).iterdir() if path.suffix == ".npy")
        sealed.append({path.name: path.read_bytes() for path in files})
    assert len(sealed[0]) >= 15
    assert sealed[0] == sealed[1]
