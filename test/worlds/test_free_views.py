"""Pictures that visitors take: anywhere, with any camera, of a gallery in any state."""

import dataclasses
import json

import numpy as np
import pytest

from semloc_ros.config import GalleryConfig
from semloc_ros.datasets.world_objects import world_map_objects
from semloc_ros.errors import ConfigError
from semloc_ros.geometry import cameras, se3
from semloc_ros.maps.kapture import read_kapture
from semloc_ros.worlds.gallery.layout import build_gallery, plan_rooms
from semloc_ros.worlds.recording import traversal as plans
from semloc_ros.worlds.recording.free_views import FreeViews
from semloc_ros.worlds.recording.gallery import GalleryWorld, make_gallery
from semloc_ros.worlds.recording.sheet import draw_sheet
from semloc_ros.worlds.recording.viewpoints import plan_viewpoints
from semloc_ros.worlds.truth import read_hung_objects, read_view, rehung_instances

pytestmark = pytest.mark.usefixtures("coarse_light")


@pytest.fixture(scope="module")
def config(tiny_config):
    return dataclasses.replace(tiny_config, runs="none", free_views=5, crowd=1, light="night")


@pytest.fixture(scope="module")
def world(tmp_path_factory, config, coarse_light):
    folder = tmp_path_factory.mktemp("views") / "gallery"
    assert make_gallery(config, folder, output="frames")
    return folder


def viewpoints(config, number):
    rng = plans.stream(config, plans.Stream.VIEWS)
    return plan_viewpoints(dataclasses.replace(config, free_views=number), rng)


def test_views_are_those_of_people_in_the_rooms():
    config = GalleryConfig(paintings=35)
    views, rooms = viewpoints(config, 400), plan_rooms(config)
    poses = np.stack([se3.inverse(view.camera_from_map) for view in views])
    eyes = poses[:, :3, 3]
    assert (eyes[:, 2] >= 1.4).all() and (eyes[:, 2] <= 1.9).all()
    homes = [
        [
            number for number, one in enumerate(rooms)
            if (one.room.low < eye).all() and (eye < one.room.high).all()
        ]
        for eye in eyes[:, :2]
    ]
    assert all(len(home) == 1 for home in homes), "nobody stands in a wall"
    assert {home[0] for home in homes} == {0, 1, 2, 3}
    pitch, roll = np.arcsin(poses[:, 2, 2]), np.arcsin(poses[:, 2, 0])
    assert 4 < np.degrees(pitch.std()) < 12 and 2 < np.degrees(roll.std()) < 4
    widths = [2 * np.degrees(np.arctan(v.camera.width / 2 / v.camera.fx)) for v in views]
    assert 50 <= min(widths) < 52 and 73 < max(widths) <= 75
    middles = np.array([middle for one in rooms for middle, _ in one.places])
    seen = np.stack([_sees(view, middles) for view in views])
    assert seen.any(axis=0).all(), "each painting is in some view"
    assert 0.85 < seen.any(axis=1).mean() < 1, "most views are of one, some of none"


def _sees(view, points):
    there = se3.transform(view.camera_from_map, points)
    pixels, before = cameras.project(view.camera, there)
    inside = cameras.inside_image(view.camera, pixels)
    return inside & before & (np.linalg.norm(there, axis=1) < 6)


def test_light_visitors_and_moved_paintings_leave_the_viewpoints(config):
    other = dataclasses.replace(config, light="day", crowd=3, moved_paintings=2)
    one, two = GalleryWorld(config).views, GalleryWorld(other).views
    for a, b in zip(one.viewpoints, two.viewpoints, strict=True):
        assert a.camera == b.camera
        np.testing.assert_array_equal(a.camera_from_map, b.camera_from_map)


def test_each_picture_has_its_camera_pose_and_truth(world, config):
    folder = world / "frames" / "views"
    images, planned = read_kapture(folder), GalleryWorld(config).views.viewpoints
    assert [image.name for image in images] == [f"views/{k:06d}.jpg" for k in range(5)]
    corners = {one.object_id: one.corners_map for one in read_hung_objects(folder)}
    matched = 0
    for image, plan in zip(images, planned, strict=True):
        assert image.camera == plan.camera
        np.testing.assert_allclose(image.camera_from_map, plan.camera_from_map, atol=1e-12)
        truth = read_view(folder, image).truth
        assert image.read().shape == (*truth.depth.shape, 3)
        rows, columns = np.nonzero(truth.objects)
        for number in np.unique(truth.objects[rows, columns]):
            rows, columns = np.nonzero(truth.objects == number)
            u, v = truth.object_uv[rows, columns].T
            top_left, top_right, _, bottom_left = corners[int(number)]
            across, down = top_right - top_left, bottom_left - top_left
            there = top_left + np.outer(u, across) + np.outer(v, down)
            seen, _ = cameras.project(image.camera, se3.transform(image.camera_from_map, there))
            assert np.abs(seen - np.column_stack([columns, rows])).max() < 0.02
            matched += len(rows)
    assert matched > 1000
    assert len({image.camera.fx for image in images}) == 5


def test_the_world_tells_of_its_views_and_draws_them(world, tmp_path):
    about = json.loads((world / "world.json").read_text())
    assert about["views"] == {"name": "views", "setting": "night", "day": 2, "images": 5}
    assert about["traversals"] == []
    draw_sheet(world, tmp_path / "sheet.png", 2, truth=True)
    assert (tmp_path / "sheet.png").stat().st_size > 10_000


def test_killed_views_go_on_where_they_stopped(world, tmp_path, config, monkeypatch):
    folder, told = tmp_path / "gallery", []

    def stop(done, total, doing):
        told.append(done)
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_gallery(config, folder, stop, output="frames")
    there = len(list((tmp_path / "gallery.partial").rglob("*.jpg")))
    taken, take = [], FreeViews._take
    counted = lambda self, *what: taken.append(what[1]) or take(self, *what)  # noqa: E731
    monkeypatch.setattr(FreeViews, "_take", counted)
    assert make_gallery(config, folder, output="frames")
    assert len(taken) == 5 - there
    for path in sorted(world.rglob("*.*")):
        if path.is_file():
            assert (folder / path.relative_to(world)).read_bytes() == path.read_bytes()


def test_views_find_what_the_query_run_finds(tmp_path, tiny_config):
    config = dataclasses.replace(
        tiny_config, runs="mapping", free_views=1, moved_paintings=2, image_width=64,
        image_height=48, longest_run_s=1.0, cameras="ring", mapping_light="spots",
        duplicated_posters=1,
    )  # fmt: skip
    assert make_gallery(config, tmp_path / "gallery", output="frames")
    frames = tmp_path / "gallery" / "frames"
    mapping, views = (read_hung_objects(frames / name) for name in ("mapping", "views"))
    assert len(rehung_instances(mapping, views)) == 2
    assert {one.object_id for one in views} == {1} and len({one.instance for one in views}) == 4
    (poster,) = world_map_objects(tmp_path / "gallery", "views").objects
    assert len(poster.instances) == 4, "a copy in each room"
    ring = read_kapture(frames / "mapping")
    first = [image for image in ring if image.stamp_ns == ring[0].stamp_ns]
    assert len(first) == 6
    forwards = np.stack([image.camera_from_map[2, :3] for image in first])
    np.testing.assert_allclose(forwards.sum(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.sum(forwards * np.roll(forwards, 1, axis=0), axis=1), 0.5)
    about = json.loads((tmp_path / "gallery" / "world.json").read_text())
    assert [one["name"] for one in about["traversals"]] == ["mapping"]
    assert about["traversals"][0]["setting"] == "spots"


def test_so_many_paintings_hang_in_all_rooms_together(tiny_config):
    config = dataclasses.replace(tiny_config, paintings_per_room=2, paintings=5, texel_mm=100.0)
    assert len(build_gallery(config).paintings) == 5
    assert [len(room.places) for room in plan_rooms(config)] == [2, 2, 1, 0]
    wide = GalleryConfig(paintings=42, paintings_per_room=11, room_width_m=9.0, room_depth_m=6.4)
    assert sum(len(room.places) for room in plan_rooms(wide)) == 42


@pytest.mark.parametrize(
    ("changed", "output", "words"),
    [
        ({"free_views": 1}, "bags", "free_views"),
        ({"runs": "none"}, "both", "runs"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line(tmp_path, tiny_config, changed, output, words):
    with pytest.raises(ConfigError, match=words) as caught:
        make_gallery(dataclasses.replace(tiny_config, **changed), tmp_path / "x", output=output)
    assert "\n" not in str(caught.value)
