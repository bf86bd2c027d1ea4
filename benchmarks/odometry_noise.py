"""Errors of real wheel odometry: a Husky against its GPS, a TurtleBot against its AMCL poses.

The fit takes off errors of the references that come and go from one to the next. Those of GPS
wander for minutes and stay in: the Husky's random errors are less than is said here. AMCL follows
odometry where the laser sees little, so the TurtleBot's may be more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from reporting import arguments, report

from semloc_ros.datasets.bag_reader import messages, stamp_of
from semloc_ros.datasets.bags import odometry, poses
from semloc_ros.localization.odometry_fit import fit_odometry_errors
from semloc_ros.types import FloatArray

COLUMNS = ("robot", "way m", "pieces of", "scale", "turn scale", "drift deg/m", "along m/√m",
           "turn deg/√m", "residual m")
EQUATOR_M, FLATTENING = 6_378_137.0, 1 / 298.257223563  # WGS 84


def main() -> None:
    """Fit both."""
    options = arguments(__doc__ or "", "bags").parse_args()
    husky = options.data / "husky_odom_imu_gps_test1.bag"
    turtlebot = options.data / "nav2_turtlebot.mcap"
    stamps, map_from_base = poses(turtlebot, "/amcl_pose")
    rows = [
        row("Husky, GPS", husky, "/husky_velocity_controller/odom", *gps(husky, "/fix"), piece)
        for piece in (25.0, 50.0)
    ] + [
        row("TurtleBot, AMCL", turtlebot, "/odom", stamps, map_from_base[:, :2, 3], piece)
        for piece in (3.0, 6.0)
    ]
    report("Errors of wheel odometry", COLUMNS, rows, options.json)


def row(
    name: str, bag: Path, topic: str, stamps: NDArray[np.int64], positions: FloatArray,
    piece_m: float,
) -> tuple[Any, ...]:
    """One line of the table."""
    samples = odometry(bag, topic)
    wheels = np.array([one.odom_from_base for one in samples])
    known = np.array([one.stamp_ns for one in samples])
    inside = (stamps >= known[0]) & (stamps <= known[-1])
    found = fit_odometry_errors(known, wheels, stamps[inside], positions[inside], piece_m)
    way = float(np.linalg.norm(np.diff(wheels[:, :3, 3], axis=0), axis=1).sum())
    return (
        name, way, f"{piece_m:g} m", found.scale, found.turn_scale, float(np.degrees(found.drift)),
        found.along, float(np.degrees(found.turn)), found.residual_m,
    )


def gps(bag: Path, topic: str) -> tuple[NDArray[np.int64], FloatArray]:
    """Stamps (M,) and metres east and north (M, 2) of the first fix."""
    fixes = [
        (stamp_of(message.header), np.radians(message.latitude), np.radians(message.longitude))
        for _, message in messages(bag, topic, ("sensor_msgs/msg/NavSatFix",))
        if message.status.status >= 0
    ]
    stamps = np.array([one[0] for one in fixes], np.int64)
    latitude, longitude = np.array([one[1:] for one in fixes]).T
    eccentricity2 = FLATTENING * (2 - FLATTENING)
    root = 1 - eccentricity2 * np.sin(latitude[0]) ** 2
    east = EQUATOR_M / np.sqrt(root) * np.cos(latitude[0]) * (longitude - longitude[0])
    north = EQUATOR_M * (1 - eccentricity2) / root**1.5 * (latitude - latitude[0])
    return stamps, np.stack([east, north], axis=1)


if __name__ == "__main__":
    main()
