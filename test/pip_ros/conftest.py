"""A ROS context for each test that needs one, in the test run's own domain."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node


@pytest.fixture
def context(ros_domain: int) -> Iterator[Context]:
    """A context of this test alone."""
    context = Context()
    rclpy.init(context=context, domain_id=ros_domain)
    yield context
    context.try_shutdown()


@pytest.fixture
def node(context: Context) -> Iterator[Node]:
    """A node that nobody spins."""
    node = Node("contract_test", context=context)
    yield node
    node.destroy_node()
