"""Traffic and visitors: who is where is a function of time, and nobody is in the ego's way."""

import numpy as np
import pytest

from semloc_ros.config import StreetConfig
from semloc_ros.worlds.actors.cast import Counts, make_cast
from semloc_ros.worlds.actors.stage import FIRST_INSTANCE, STEP_S, Driver, Rider, Walker
from semloc_ros.worlds.actors.traffic import Traffic
from semloc_ros.worlds.actors.visitors import Hall, Visitors
from semloc_ros.worlds.gallery.building import make_room
from semloc_ros.worlds.recording.driving import CAR, drive_loop
from semloc_ros.worlds.rendering.scene import Motion, SceneBuilder
from semloc_ros.worlds.street.plan import StreetPlan
from semloc_ros.worlds.street.site import LANE, make_site

COUNTS = Counts(cars=5, trucks=1, buses=1, trams=1, cyclists=2, people=7)
SITE = make_site(StreetConfig())
PLAN = StreetPlan(
    drive_xy=SITE.corners(LANE), lanes=SITE.lanes(), walks=SITE.walks(), parking=SITE.parking(),
    lamps=(), objects=(), swaying=(), clip_views=(),
)  # fmt: skip
EGO = drive_loop(PLAN.drive_xy, 1, 0.4, 7.5, np.random.default_rng(3), CAR)


@pytest.fixture(scope="module")
def cast():
    return make_cast(SceneBuilder(), np.random.default_rng(2), COUNTS)


def busy(cast, seed=4, ego=EGO, duration=EGO.duration):
    rng = np.random.default_rng(seed)
    return Traffic(cast, PLAN, ego, 2.0, rng, duration, parked=0.5)


@pytest.fixture(scope="module")
def traffic(cast):
    return busy(cast)


def footprints(parts, place):
    """Points (N, 2) of each part near `place` (2,), below two metres."""
    for part in parts:
        if np.hypot(*(part.map_from_mesh[:2, 3] - place)) > 15:
            continue
        points = part.mesh.triangles.reshape(-1, 3) @ part.map_from_mesh[:3, :3].T
        points = points + part.map_from_mesh[:3, 3]
        yield points[points[:, 2] < 2.0, :2]


def key(parts):
    return [(p.instance, int(p.motion), p.map_from_mesh.tobytes(), id(p.mesh)) for p in parts]


def test_parts_are_a_function_of_time(cast, traffic):
    times = [31.0, 2.5, 17.77]
    first = {time: key(traffic.parts(time)) for time in times}
    assert all(key(traffic.parts(time)) == first[time] for time in reversed(times))
    again = busy(cast)
    assert (again.stage.table == traffic.stage.table)[np.isfinite(again.stage.table)].all()
    assert busy(cast, seed=5).stage.table.shape != traffic.stage.table.shape


def test_all_kinds_are_on_the_road(traffic):
    kinds = {type(actor) for actor in traffic.stage.actors}
    assert kinds == {Driver, Rider, Walker}
    names = {one.vehicle.name for one in traffic.stage.actors if isinstance(one, Driver)}
    assert {"lead", "middle", "last"} < names
    assert len(traffic._parked.actors) == pytest.approx(0.5 * len(PLAN.parking), rel=0.3)


def test_nothing_touches_the_ego(traffic):
    for time in np.arange(0, EGO.duration, 0.7):
        x, y, heading = EGO.planar(np.array([time]))[0]
        ahead = np.array([np.cos(heading), np.sin(heading)])
        for points in footprints(traffic.parts(time), np.array([x, y])):
            local = points - [x, y]
            along, left = local @ ahead, local @ [-ahead[1], ahead[0]]
            assert not ((np.abs(along) < 2.2) & (np.abs(left) < 0.9)).any()


def test_speeds_are_continuous(traffic):
    table = traffic.stage.table
    moved = np.linalg.norm(np.diff(table[:, :, :2], axis=1), axis=2) / STEP_S
    assert np.nanmax(moved) < 12.0
    walkers = [isinstance(actor, Walker) for actor in traffic.stage.actors]
    assert np.nanmax(moved[walkers]) < 2.5
    assert np.nanmax(np.abs(np.diff(table[:, :, 3], axis=1))) / STEP_S < 7.0
    driven = np.abs(np.diff(table[:, :, 4], axis=1)) / STEP_S
    assert np.nanmax(np.abs(driven - moved)) < 4.0


def test_instances_are_steady_and_apart(traffic):
    owners = {}
    for time in (0.0, 20.0, 40.0):
        found = [part.instance for part in traffic.parts(time)]
        assert min(found) >= FIRST_INSTANCE
        for part in traffic.parts(time):
            label = int(part.mesh.patches.labels[0])
            assert owners.setdefault(part.instance, label) == label
    trams = sum(label == 16 for label in owners.values())
    assert len(owners) > 60 and trams >= 1


def test_what_stands_is_movable_and_what_goes_is_moving(traffic):
    early, late = (traffic.parts(time) for time in (10.0, 10.4))
    later = {(p.instance, len(p.mesh.triangles)): p.map_from_mesh for p in late}
    motions = set()
    for part in early:
        other = later.get((part.instance, len(part.mesh.triangles)))
        if other is None or part.mesh.patches.labels[0] == 16:
            continue
        moved = np.linalg.norm((other - part.map_from_mesh)[:2, 3])
        if moved > 0.1:
            assert part.motion is Motion.MOVING
        elif moved == 0:
            assert part.motion is Motion.MOVABLE
        motions.add(part.motion)
    assert motions == {Motion.MOVING, Motion.MOVABLE}


def test_only_who_is_near_is_shown(traffic):
    place = PLAN.drive_xy[0]
    near = traffic.parts(5.0, place)
    assert 0 < len(near) < len(traffic.parts(5.0))
    assert all(np.hypot(*(part.map_from_mesh[:2, 3] - place)) < 150 for part in near)


def test_without_an_ego_all_lanes_are_used(cast):
    scene = busy(cast, ego=None, duration=20.0)
    own = PLAN.lanes[0].xy
    ring = np.concatenate([np.linspace(a, b, 200) for a, b in zip(own, np.roll(own, -1, 0),
                                                                  strict=True)])  # fmt: skip
    rows = [
        row for row, actor in zip(scene.stage.table, scene.stage.actors, strict=True)
        if isinstance(actor, Driver) and np.isfinite(row).all()
    ]  # fmt: skip
    gaps = [np.linalg.norm(ring - row[0, :2], axis=1).min() for row in rows]
    assert min(gaps) < 0.6


def test_cars_come_out_of_side_streets_and_turn_into_others(traffic):
    starts = np.array([lane.xy[0] for lane in PLAN.lanes if lane.kind == "car" and not lane.closed])
    ends = np.array([lane.xy[-1] for lane in PLAN.lanes if lane.kind == "car" and not lane.closed])
    passed = 0
    for actor, row in zip(traffic.stage.actors, traffic.stage.table, strict=True):
        if isinstance(actor, Driver | Rider) and np.isfinite(row).all():
            begins = np.linalg.norm(starts - row[0, :2], axis=1).min()
            stops = np.linalg.norm(ends - row[-1, :2], axis=1).min()
            passed += bool(begins < 25 and stops < 25 and row[-1, 4] - row[0, 4] > 60)
    assert passed >= 2


ROOMS = [
    make_room((0, 0), (7, 6), 3.2, (False, True, False, False), 1.7, 2.35),
    make_room((7.2, 0), (14.2, 6), 3.2, (False, False, False, True), 1.7, 2.35),
]


def hall():
    """Two rooms, paintings on the walls without a door, a bench in one."""
    paintings = []
    for room in ROOMS:
        for wall in room.walls:
            if wall.door is None:
                for u in (0.2, 0.5, 0.8):
                    left, right = u * wall.length - 0.5, u * wall.length + 0.5
                    corners = [(left, 1.2), (right, 1.2), (right, 2.2), (left, 2.2)]
                    paintings.append([wall.point(a, v, 0.04) for a, v in corners])
    loop = np.array([[3.0, 2.6], [11.0, 2.6], [11.0, 3.4], [3.0, 3.4]])
    return Hall(ROOMS, loop, np.array([[4.0, 4.3, 5.5, 4.8]]), np.array(paintings))


@pytest.mark.parametrize("density", [1, 2, 3])
def test_visitors_keep_off_the_robot_the_walls_and_the_bench(cast, density):
    place = hall()
    ego = drive_loop(place.loop_xy, 2, 0.2, 0.4, np.random.default_rng(0))
    visitors = Visitors(cast, place, density, ego, np.random.default_rng(density), ego.duration)
    table = visitors.stage.table
    assert len(table) >= (0, 1, 4, 8)[density]
    robot = ego.planar(STEP_S * np.arange(table.shape[1], dtype=float))[:, :2]
    assert np.linalg.norm(table[:, :, :2] - robot, axis=2).min() > 0.6
    x, y = table[:, :, 0], table[:, :, 1]
    inside = (y > 0.3) & (y < 5.7) & (x > 0.3) & (x < 13.9)
    doorway = (np.abs(y - 3.0) < 0.75) | (x < 6.7) | (x > 7.5)
    assert (inside & doorway).all()
    assert not ((x > 4.0) & (x < 5.5) & (y > 4.3) & (y < 4.8)).any()
    speed = np.linalg.norm(np.diff(table[:, :, :2], axis=1), axis=2) / STEP_S
    assert speed.max() < 1.3


def test_a_gallery_may_be_empty_and_grows_crowded(cast):
    place = hall()
    number = [
        len(Visitors(cast, place, d, None, np.random.default_rng(0), 30.0).parts(3.0))
        for d in range(4)
    ]
    assert number[0] == 0 < number[1]
    assert number[2] > 1.5 * number[1] and number[3] > 1.5 * number[2], number


def test_visitors_walk_and_look(cast):
    place = hall()
    visitors = Visitors(cast, place, 3, None, np.random.default_rng(1), 60.0)
    motions = {part.motion for time in range(0, 60, 5) for part in visitors.parts(float(time))}
    assert motions == {Motion.MOVING, Motion.MOVABLE}
    standing = visitors.stage.table[:, 0]
    facing = np.stack([np.cos(standing[:, 3]), np.sin(standing[:, 3])], axis=1)
    middles = place.paintings.mean(axis=1)[:, :2]
    looks = [
        max((m - row[:2]) @ f / np.linalg.norm(m - row[:2]) for m in middles)
        for row, f in zip(standing, facing, strict=True)
    ]
    assert np.median(looks) > 0.9
