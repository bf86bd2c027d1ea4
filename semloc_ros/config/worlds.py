"""Synthetic worlds."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.options import option, section

_LIGHTS = ("day", "evening", "half", "spots", "daylight", "night")


@dataclass(frozen=True, slots=True)
class SensorsConfig:
    """What the sensors of every world make of the truth."""

    odometry_rate: float = option(50.0, "odometry and tf", unit="Hz", low=5, high=500)
    # Fitted to recorded drives (docs/benchmarks.md, "Odometry"): along to the TurtleBot's pieces of
    # 3 m, turn to those of 6 m, turn per turn to its headings, scales to the worse of two robots;
    # across is assumed.
    odometry_along: float = option(
        0.05, "random error along the way, 1 sigma", unit="m/√m", low=0, high=0.5
    )
    odometry_across: float = option(
        0.02, "random error to the side, 1 sigma", unit="m/√m", low=0, high=0.5
    )
    odometry_turn: float = option(
        0.015, "random error of heading by the way, 1 sigma", unit="rad/√m", low=0, high=0.5
    )
    odometry_turn_per_turn: float = option(
        0.02, "random error of heading by what was turned, 1 sigma", unit="rad/√rad",
        low=0, high=0.5,
    )
    odometry_scale: float = option(
        0.03, "error of the wheels' size in a run: length of the way, 1 sigma", unit="m/m",
        low=0, high=0.2,
    )
    odometry_turn_scale: float = option(
        0.03, "error of the wheels' distance in a run: turns, 1 sigma", unit="rad/rad",
        low=0, high=0.2,
    )
    imu_rate: float = option(100.0, "samples of the IMU", unit="Hz", low=10, high=1000)
    gyro_noise: float = option(
        0.002, "noise of each sample of the gyroscope, 1 sigma", unit="rad/s", low=0, high=1
    )
    gyro_bias: float = option(
        0.001, "bias of the gyroscope in a run, 1 sigma", unit="rad/s", low=0, high=1
    )
    accel_noise: float = option(
        0.03, "noise of each sample of the accelerometer, 1 sigma", unit="m/s²", low=0, high=10
    )
    accel_bias: float = option(
        0.02, "bias of the accelerometer in a run, 1 sigma", unit="m/s²", low=0, high=10
    )
    image_noise: float = option(
        1.5, "noise of a pixel at mid grey without gain, 1 sigma", unit="grey levels",
        low=0, high=50,
    )
    row_noise: float = option(
        0.2, "noise common to a row without gain, 1 sigma", unit="grey levels", low=0, high=20
    )
    vignetting: float = option(0.12, "light lost in the corners", low=0, high=0.9)
    jpeg_quality: int = option(92, "of the camera's images", low=10, high=100)
    brightness: float = option(
        110.0, "mean grey level that exposures aim at", unit="grey levels", low=10, high=240
    )
    motion_blur: bool = option(True, "pictures are blurred by what the camera moves while exposed")
    max_gain: float = option(
        16.0, "largest gain, after which pictures stay dark", low=1, high=1000
    )


@dataclass(frozen=True, slots=True)
class GalleryConfig:
    """The gallery world: building, runs of the robot, sensors."""

    seed: int = option(0, "seed of the whole world", low=0, high=2**31 - 1)
    columns: int = option(2, "rooms in a row; there are two rows", low=2, high=20)
    room_width_m: float = option(7.0, "inner size of a room east to west", unit="m", low=5, high=30)
    room_depth_m: float = option(
        6.0, "inner size of a room north to south", unit="m", low=5, high=30
    )
    room_height_m: float = option(3.2, "height of the ceiling", unit="m", low=2.6, high=8)
    paintings_per_room: int = option(9, "paintings in each room, at most", low=0, high=40)
    paintings: int = option(1000, "paintings in all rooms together, at most", low=0, high=1000)
    duplicated_posters: int = option(
        0, "pictures of which a copy hangs in every other room, in place of a painting there",
        low=0, high=40,
    )
    light: str = option("day", "light of the query run and of the free views", choices=_LIGHTS)
    mapping_light: str = option("day", "light of the mapping run", choices=_LIGHTS)
    crowd: int = option(
        0, "visitors in the query run and in the free views: 0 none, 1 few, 2 busy, 3 crowded",
        low=0, high=3,
    )
    runs: str = option(
        "both", "of the robot that are made", choices=("both", "mapping", "query", "none")
    )
    free_views: int = option(
        0, "pictures that visitors take: anywhere, each with its own camera (frames/views)",
        low=0, high=5000,
    )
    moved_paintings: int = option(
        0, "paintings that hang elsewhere along their wall in the query run", low=0, high=1000
    )
    swapped_paintings: int = option(
        0, "pairs of paintings that have changed places in the query run", low=0, high=500
    )
    texel_mm: float = option(
        4.0, "size of a texel of the walls; paintings are finer", unit="mm", low=1, high=50
    )
    cameras: str = option(
        "one", "of the robot: one, or six around at eye level, 60° apart", choices=("one", "ring")
    )
    image_width: int = option(640, "columns of the camera", unit="px", low=32, high=4096)
    image_height: int = option(480, "rows of the camera", unit="px", low=32, high=4096)
    field_of_view_deg: float = option(
        67.0, "horizontal view of the robot's camera", unit="deg", low=20, high=110
    )
    camera_yaw_deg: float = option(
        -50.0, "where the camera looks, from the robot's forward to its left",
        unit="deg", low=-180, high=180,
    )
    mapping_rate: float = option(2.0, "images of the mapping run", unit="Hz", low=0.1, high=30)
    mapping_laps: int = option(2, "times the mapping run goes round", low=1, high=10)
    query_rate: float = option(2.5, "images of the query run", unit="Hz", low=0.1, high=30)
    longest_run_s: float = option(
        3600.0, "each run ends after this time", unit="s", low=1, high=36_000
    )
    speed: float = option(0.4, "driving speed", unit="m/s", low=0.05, high=2)
    lateral_spread_m: float = option(
        0.35, "how far runs keep off the middle of the way", unit="m", low=0, high=0.5
    )
    storage: str = option("mcap", "format of the bags", choices=("mcap", "sqlite3"))
    exposure_ms: float = option(
        4.0, "exposure that shows a picture as bright as its light; doubled for half the light",
        unit="ms", low=0.01, high=100,
    )
    longest_exposure_ms: float = option(
        12.0, "longest exposure; gain helps from there", unit="ms", low=0.01, high=1000
    )
    sensors: SensorsConfig = section(SensorsConfig)


@dataclass(frozen=True, slots=True)
class StreetConfig:
    """The street world: the street itself, the vehicle's traversals, sensors."""

    seed: int = option(0, "seed of the whole world", low=0, high=2**31 - 1)
    loop_m: float = option(440.0, "length of the closed drive", unit="m", low=400, high=2000)
    sidewalk_m: float = option(3.6, "width of a sidewalk", unit="m", low=2.5, high=8)
    trees: float = option(1.0, "factor on the number of trees", low=0, high=2)
    texel_mm: float = option(
        20.0, "size of a texel of road and facades; signs and windows are finer",
        unit="mm", low=5, high=500,
    )
    cameras: str = option(
        "left_right", "of the vehicle: two that look ahead to both sides, or one straight ahead",
        choices=("left_right", "front"),
    )
    image_width: int = option(640, "columns of each camera", unit="px", low=32, high=4096)
    image_height: int = option(480, "rows of each camera", unit="px", low=32, high=4096)
    field_of_view_deg: float = option(
        67.0, "horizontal view of each camera", unit="deg", low=20, high=110
    )
    camera_yaw_deg: float = option(
        45.0, "how far the two cameras are turned to the sides", unit="deg", low=0, high=120
    )
    mapping_rate: float = option(4.0, "images of the mapping run", unit="Hz", low=0.1, high=30)
    mapping_laps: int = option(1, "times the mapping run goes round", low=1, high=10)
    query_rate: float = option(2.0, "images of the query runs", unit="Hz", low=0.1, high=30)
    longest_run_s: float = option(
        3600.0, "each run ends after this time", unit="s", low=1, high=36_000
    )
    speed: float = option(
        7.5, "driving speed, which each run varies by a tenth", unit="m/s", low=0.5, high=20
    )
    lateral_spread_m: float = option(
        0.4, "how far runs keep off the middle of the lane", unit="m", low=0, high=0.8
    )
    traffic: float = option(
        1.0, "factor on the number of vehicles and people on their way", low=0, high=4
    )
    parked: float = option(0.6, "share of the parking slots that are taken", low=0, high=1)
    sway: float = option(
        1.0, "how much the body rolls, pitches and heaves; 1 is a car", low=0, high=5
    )
    storage: str = option("mcap", "format of the bags", choices=("mcap", "sqlite3"))
    longest_exposure_ms: float = option(
        25.0, "longest exposure; gain helps from there", unit="ms", low=0.01, high=1000
    )
    sensors: SensorsConfig = section(SensorsConfig)


@dataclass(frozen=True, slots=True)
class ClipConfig:
    """Clips of cameras that do not move, in the street and in the gallery."""

    seed: int = option(0, "seed of both worlds and of what moves", low=0, high=2**31 - 1)
    rate: float = option(10.0, "frames", unit="Hz", low=0.5, high=60)
    seconds: float = option(30.0, "length of each clip", unit="s", low=0.2, high=3600)
    image_width: int = option(480, "columns of the camera", unit="px", low=32, high=4096)
    image_height: int = option(360, "rows of the camera", unit="px", low=32, high=4096)
    field_of_view_deg: float = option(
        60.0, "horizontal view of the camera", unit="deg", low=20, high=110
    )
    crowd: int = option(2, "visitors of the gallery: 0 none to 3 crowded", low=0, high=3)
    longest_exposure_ms: float = option(
        25.0, "longest exposure; gain helps from there", unit="ms", low=0.01, high=1000
    )
    street: StreetConfig = section(StreetConfig)
    gallery: GalleryConfig = section(GalleryConfig)
    sensors: SensorsConfig = section(SensorsConfig)


@dataclass(frozen=True, slots=True)
class WorldPairsConfig:
    """Pairs of frames of two traversals that show the same place."""

    distance_m: float = option(
        2.0, "the two cameras are no farther apart", unit="m", low=0.01, high=50
    )
    angle_deg: float = option(
        20.0, "nor turned against each other by more", unit="deg", low=0.1, high=90
    )
    step_px: int = option(4, "between points, each way", unit="px", low=1, high=100)
    least_points: int = option(100, "pairs with fewer are left out", low=1, high=10_000)
