"""ROS for each test that needs it, in the test run's own domain."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node


@pytest.fixture
def context(ros_domain: int) -> Iterator[Context]:
    """The process's context, up during one test."""
    rclpy.init(domain_id=ros_domain)
    yield rclpy.get_default_context()
    rclpy.try_shutdown()


@pytest.fixture
def node(context: Context) -> Iterator[Node]:
    """A node that nobody spins."""
    node = Node("contract_test")
    yield node
    node.destroy_node()
