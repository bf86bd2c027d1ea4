"""ROS parameters made from the options of `config/`, and checked by the same rules.

A node declares one parameter per option, with its help, unit and range as the descriptor. A
change is accepted only if the whole configuration is valid after it; an option that is not
`live` changes only while the node is unconfigured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from semloc_ros.errors import ConfigError
from semloc_ros.options import Option, describe, flatten, from_mapping, help_line

Section = TypeVar("Section")
_OF_ROS = ("use_sim_time", "start_type_description_service")
_OF_ROS_PREFIXES = ("qos_overrides.",)


class NodeParameters(Generic[Section]):
    """The parameters of one node as one immutable configuration, `config`.

    `is_running()` says whether changes of options that are not live must be refused;
    `on_change` is called after an accepted change. Raises ConfigError if the values the node
    was started with are unknown or invalid.
    """

    def __init__(
        self,
        node: Node,
        kind: type[Section],
        is_running: Callable[[], bool] = lambda: True,
        on_change: Callable[[Section], None] = lambda _: None,
    ) -> None:
        self._kind = kind
        self._options = {one.name: one for one in describe(kind)}
        self._is_running = is_running
        self._on_change = on_change
        self.config: Section = from_mapping(kind, dict(_overrides(node)))
        for one in self._options.values():
            node.declare_parameter(one.name, one.default, _descriptor(one))
        node.add_on_set_parameters_callback(self._check)
        node.add_post_set_parameters_callback(self._take)

    def _check(self, changes: Sequence[Parameter]) -> SetParametersResult:
        mine = [change for change in changes if change.name in self._options]
        try:
            self._changed(mine)
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        fixed = [change.name for change in mine if not self._options[change.name].live]
        if fixed and self._is_running():
            reason = f"{fixed[0]}: changes only while the node is unconfigured; clean it up first"
            return SetParametersResult(successful=False, reason=reason)
        return SetParametersResult(successful=True)

    def _take(self, changes: Sequence[Parameter]) -> None:
        mine = [change for change in changes if change.name in self._options]
        if mine:
            self.config = self._changed(mine)
            self._on_change(self.config)

    def _changed(self, changes: Sequence[Parameter]) -> Section:
        values = flatten(self.config) | {change.name: change.value for change in changes}
        return from_mapping(self._kind, values)


def _descriptor(one: Option) -> ParameterDescriptor:
    """Typing is left to `options`: it takes `rate:=50` for 50.0, where ROS would refuse it."""
    descriptor = ParameterDescriptor(description=help_line(one), dynamic_typing=True)
    descriptor.additional_constraints = (
        "" if one.live else "changes only while the node is unconfigured"
    )
    if one.choices:
        descriptor.additional_constraints += f"; one of {', '.join(one.choices)}"
    if one.low is not None and one.high is not None:
        _add_range(descriptor, one, one.low, one.high)
    return descriptor


def _add_range(descriptor: ParameterDescriptor, one: Option, low: float, high: float) -> None:
    if one.kind is int:
        bounds = IntegerRange(from_value=int(low), to_value=int(high), step=1)
        descriptor.integer_range = [bounds]
    else:
        bounds = FloatingPointRange(from_value=float(low), to_value=float(high), step=0.0)
        descriptor.floating_point_range = [bounds]


def _overrides(node: Node) -> Iterator[tuple[str, Any]]:
    """What the node was started with. ROS silently drops a name that no node declares, and
    has no public way to list them; here a typing error must not be silent."""
    for name, parameter in node._parameter_overrides.items():
        if name not in _OF_ROS and not name.startswith(_OF_ROS_PREFIXES):
            yield name, parameter.value
