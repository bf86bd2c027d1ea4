"""Errors of real wheel odometry: a Husky against its GPS, a TurtleBot against its AMCL poses.

The fit takes off errors of the references that come and go from one to the next. Those of GPS
wander for minutes and stay in: the Husky's random errors are less than is said here. AMCL follows
odometry where the laser sees little, so the TurtleBot's may be more.

AMCL has headings too. How the TurtleBot's turns differ from AMCL's, beyond scale and drift, is
divided into what grows with the way, with what was turned, and with neither.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from reporting import arguments, report
from scipy.optimize import nnls

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
    headings = [heading_errors(turtlebot, stamps, map_from_base, one) for one in (1, 2, 4, 8)]
    report("Errors of wheel odometry", COLUMNS, rows, options.json, headings="; ".join(headings))


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


def heading_errors(
    bag: Path, stamps: NDArray[np.int64], map_from_base: FloatArray, apart: int
) -> str:
    """The TurtleBot's errors of heading, by AMCL poses (N, 4, 4) that are `apart` numbers apart."""
    samples = odometry(bag, "/odom")
    poses_odom = np.array([one.odom_from_base for one in samples])
    known = np.array([one.stamp_ns for one in samples])
    inside = (stamps >= known[0]) & (stamps <= known[-1])
    wheels = heading(poses_odom)
    moved = np.linalg.norm(np.diff(poses_odom[:, :3, 3], axis=0), axis=1)
    turn, turned, way = (
        np.diff(np.interp(stamps[inside][::apart], known, total))
        for total in (wheels, summed(np.abs(np.diff(wheels))), summed(moved))
    )
    error = np.diff(heading(map_from_base)[inside][::apart]) - turn
    systematic = np.stack([turn, way], axis=1)
    found, *_ = np.linalg.lstsq(systematic, error, rcond=None)
    rest = error - systematic @ found
    parts, _ = nnls(np.stack([way, turned, np.ones_like(way)], axis=1), rest**2)
    by_way, by_turn, neither = np.sqrt(parts)
    return (
        f"{way.mean():.2f} m apart: turn scale {1 + found[0]:.3f}, "
        f"{np.degrees(by_way):.2f} deg/√m, {by_turn:.3f} rad/√rad, {np.degrees(neither):.2f} deg"
    )


def heading(poses_of_base: FloatArray) -> FloatArray:
    """Radians (N,) without jumps."""
    return np.unwrap(np.arctan2(poses_of_base[:, 1, 0], poses_of_base[:, 0, 0]))


def summed(steps: FloatArray) -> FloatArray:
    """Sums (N + 1,) of steps (N,) from the first on."""
    return np.append(0.0, np.cumsum(steps))


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
