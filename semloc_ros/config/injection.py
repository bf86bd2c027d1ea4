"""Faults on live topics."""

from __future__ import annotations

from dataclasses import dataclass

from semloc_ros.options import option


@dataclass(frozen=True, slots=True)
class FaultInjectorConfig:
    """The fault_injector node: topics that go through it, with faults."""

    inject: str = option("", "faults, as `semloc evaluate --inject` takes them, apart by blanks")
    seed: int = option(0, "seed of their random numbers", low=0, high=2**31 - 1)
    image_transport: str = option(
        "raw", "kind of the image topic, in and out", choices=("raw", "compressed")
    )
    camera_info_listeners: int = option(
        1, "subscriptions of ~/camera_info before camera_info is taken", low=1, high=100
    )
