"""Waiting until those who want to hear are there: what is played earlier is lost to them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from semloc_ros.errors import ConfigError, EnvironmentFault, expected

_POLL_S = 0.02
_SETTLE_S = 0.5  # a best-effort reader hears only once it has found the writer too


def parse_wanted(text: str) -> dict[str, int]:
    """Topics and how many subscriptions each must have, of `/a,/b=2`.

    Raises ConfigError for anything else.
    """
    wanted = {}
    for word in filter(None, text.split(",")):
        topic, _, count = word.partition("=")
        if not topic.startswith("/") or not (count or "1").isdecimal():
            raise ConfigError(expected("--wait-for", "/topic or /topic=count", word))
        wanted[topic] = int(count or 1)
    return wanted


def wait_for_topics(
    publishers: Mapping[str, Any], wanted: Mapping[str, int], within_s: float
) -> None:
    """Wait until the publishers, by topic, have the wanted numbers of subscriptions.

    Raises EnvironmentFault when they do not come in time, at once for a topic that is not played.
    """
    for topic in wanted:
        if topic not in publishers:
            there = ", ".join(sorted(publishers))
            raise EnvironmentFault(expected(f"wait for {topic}", f"one of {there}", "not played"))
    deadline = time.monotonic() + within_s
    while missing := [one for one in wanted if _matched(publishers, one) < wanted[one]]:
        if time.monotonic() > deadline:
            there = f"{_matched(publishers, missing[0])} after {within_s:g} s"
            raise EnvironmentFault(expected(missing[0], f"{wanted[missing[0]]} subscribed", there))
        time.sleep(_POLL_S)
    if wanted:
        time.sleep(_SETTLE_S)


def _matched(publishers: Mapping[str, Any], topic: str) -> int:
    return int(publishers[topic].get_subscription_count())
