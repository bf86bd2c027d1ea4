"""The bag of a traversal, made from its dataset folder."""

from __future__ import annotations

import heapq
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from semloc_ros.worlds.recording import frames
from semloc_ros.worlds.recording.bag_writer import RobotBagWriter
from semloc_ros.worlds.recording.sensors import InertialSamples, WheelOdometry
from semloc_ros.worlds.recording.traversal import Traversal, World

Message = tuple[int, int, Callable[[], None]]  # stamp, order among equal stamps, how to write it


def write_bag(
    folder: Path,
    dataset: Path,
    world: World,
    traversal: Traversal,
    odometry: WheelOdometry,
    inertial: InertialSamples,
) -> None:
    """Writes the bag `folder` with the pictures of the folder `dataset`; whole or not at all."""
    if folder.exists():
        return
    writing = folder.parent / ".writing" / folder.name  # the bag's file is named as its folder
    shutil.rmtree(writing, ignore_errors=True)
    writing.parent.mkdir(parents=True, exist_ok=True)
    sensors = world.config.sensors
    sigmas = np.array([sensors.gyro_noise, sensors.accel_noise])
    with RobotBagWriter(writing, world.config.storage, world.cameras, sigmas) as bag:
        bag.static_transforms(traversal.start_ns)
        streams = (
            _images(bag, dataset, world, traversal),
            _odometry(bag, traversal, odometry),
            _inertial(bag, traversal, inertial),
        )
        for _, _, write in heapq.merge(*streams, key=lambda message: message[:2]):
            write()
    os.replace(writing, folder)
    writing.parent.rmdir()


def _images(
    bag: RobotBagWriter, dataset: Path, world: World, traversal: Traversal
) -> Iterator[Message]:
    stamps = traversal.stamps_ns(traversal.image_times)
    bases = traversal.trajectory.map_from_base(traversal.image_times)

    def write(index: int) -> None:
        bag.truth(stamps[index], bases[index])
        for one in world.cameras:
            jpeg = frames.picture_path(dataset, one.name, index).read_bytes()
            bag.image(stamps[index], jpeg, one)

    for index, stamp in enumerate(stamps):
        yield stamp, 0, partial(write, index)


def _odometry(
    bag: RobotBagWriter, traversal: Traversal, odometry: WheelOdometry
) -> Iterator[Message]:
    stamps = traversal.stamps_ns(traversal.odometry_times)
    bases = traversal.trajectory.map_from_base(traversal.odometry_times)

    def write(index: int) -> None:
        state = (
            odometry.odom_from_base, odometry.covariances,
            odometry.twists, odometry.twist_variances,
        )  # fmt: skip
        bag.odometry(stamps[index], *(values[index] for values in state))
        bag.truth(stamps[index], bases[index])

    for index, stamp in enumerate(stamps):
        yield stamp, 1, partial(write, index)


def _inertial(
    bag: RobotBagWriter, traversal: Traversal, inertial: InertialSamples
) -> Iterator[Message]:
    def write(stamp: int, index: int) -> None:
        bag.inertial(stamp, inertial.angular[index], inertial.specific_force[index])

    for index, stamp in enumerate(traversal.stamps_ns(traversal.imu_times)):
        yield stamp, 2, partial(write, stamp, index)
