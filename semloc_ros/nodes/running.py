"""How a node's process starts and ends: one line for expected faults, 0 after Ctrl-C."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from semloc_ros.errors import SemlocError


def run(make_node: Callable[[], Node], args: Sequence[str] | None = None) -> int:
    """Spin the node until SIGINT or SIGTERM; the exit code is 1 if it could not be made.

    A node with a method `close` is closed before it is destroyed.
    """
    rclpy.init(args=args)
    try:
        return _spin(make_node)
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    except SemlocError as error:
        print(error, file=sys.stderr)
        return 1
    except Exception:
        if rclpy.ok():
            raise
        return 0  # a signal took the context away while the node was using it
    finally:
        rclpy.try_shutdown()


def _spin(make_node: Callable[[], Node]) -> int:
    node = make_node()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        executor.spin()
    finally:
        getattr(node, "close", lambda: None)()
        executor.shutdown()
        node.destroy_node()
    return 0
