"""Actions about nodes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import launch.logging
from launch import Action, LaunchContext, SomeSubstitutionsType
from launch.actions import ExecuteProcess
from launch.utilities import normalize_to_list_of_substitutions, perform

from launch_ros import parameters as node_parameters
from launch_ros.substitutions import ExecutableInPackage

__all__ = ["Node", "PushRosNamespace", "SetParameter", "SetRemap"]

Remapping = tuple[SomeSubstitutionsType, SomeSubstitutionsType]


class Node(ExecuteProcess):
    """Runs a node: `executable` of `package`, or a path where no package is given.

    `parameters` is a list of dictionaries and of yaml files; later items win. A dictionary's plain
    texts stay texts, the text of a substitution is read as yaml. `exec_name` names the process in
    the log. The rest is that of ExecuteProcess.
    """

    def __init__(
        self,
        *,
        executable: SomeSubstitutionsType,
        package: SomeSubstitutionsType | None = None,
        name: SomeSubstitutionsType | None = None,
        namespace: SomeSubstitutionsType | None = None,
        exec_name: SomeSubstitutionsType | None = None,
        parameters: list[Any] | None = None,
        remappings: Iterable[Remapping] | None = None,
        ros_arguments: Iterable[SomeSubstitutionsType] | None = None,
        arguments: Iterable[SomeSubstitutionsType] | None = None,
        **kwargs: Any,
    ) -> None:
        if parameters is not None and not isinstance(parameters, list):
            raise TypeError(f"Expecting list of parameters, got {parameters}")
        program = executable if package is None else ExecutableInPackage(executable, package)
        ros = ["--ros-args", *ros_arguments] if ros_arguments is not None else []
        cmd = [program, *(arguments or ()), *ros, "--ros-args"]
        super().__init__(cmd=cmd, name=exec_name, **kwargs)
        self._node_name_given, self._namespace_given = name, namespace
        self._parameters = list(parameters or [])
        self._remappings = list(remappings or [])
        self._full_name: str | None = None

    @property
    def node_name(self) -> str:
        """The node's full name; only after the start, and only if a name was given."""
        if self._full_name is None:
            raise RuntimeError("cannot access 'node_name' before executing action")
        return self._full_name

    def execute(self, context: LaunchContext) -> None:
        """Complete the command line, then start the process."""
        for argument in self._ros_arguments(context):
            self.cmd.append(normalize_to_list_of_substitutions(argument))
        super().execute(context)

    def _ros_arguments(self, context: LaunchContext) -> list[str]:
        """The arguments behind --ros-args, in the order of upstream: later ones win."""
        found = []
        name = self._node_name_given and perform(context, self._node_name_given)
        if name is not None:
            found += ["-r", f"__node:={name}"]
        namespace = self._namespace(context)
        if namespace is not None:
            found += ["-r", f"__ns:={namespace}"]
        if name is not None and namespace is not None:
            self._full_name = f"{namespace.rstrip('/')}/{name}"
        for parameter, value in context.launch_configurations.get("global_params", ()):
            found += ["-p", f"{parameter}:={value}"]
        found += self._parameter_arguments(context)
        common = context.launch_configurations.get("ros_remaps", ())
        for source, target in [*common, *self._remappings]:
            found += ["-r", f"{perform(context, source)}:={perform(context, target)}"]
        return found

    def _parameter_arguments(self, context: LaunchContext) -> list[str]:
        found = []
        for item in node_parameters.evaluate(context, self._parameters):
            path = item if isinstance(item, Path) else node_parameters.write_file(
                item, self._full_name
            )
            if path.is_file():
                found += ["--params-file", str(path)]
            else:
                logger = launch.logging.get_logger("launch_ros.actions.node")
                logger.warning(f"Parameter file path is not a file: {path}")
        return found

    def _namespace(self, context: LaunchContext) -> str | None:
        """The absolute namespace, or None where neither the node nor a group has one."""
        own = self._namespace_given
        return _joined(
            context.launch_configurations.get("ros_namespace"),
            None if own is None else perform(context, own),
        )


class PushRosNamespace(Action):
    """The nodes that follow, in the same group, are in this namespace."""

    def __init__(self, namespace: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.namespace = namespace

    def execute(self, context: LaunchContext) -> None:
        """Set it, below the present one."""
        given = context.launch_configurations
        joined = _joined(given.get("ros_namespace"), perform(context, self.namespace))
        given["ros_namespace"] = joined


class SetParameter(Action):
    """The nodes that follow, in the same group, get this parameter."""

    def __init__(self, name: SomeSubstitutionsType, value: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name, self.value = name, value

    def execute(self, context: LaunchContext) -> None:
        """Set it; the node's own parameters win."""
        pair = (perform(context, self.name), perform(context, self.value))
        _append(context, "global_params", pair)


class SetRemap(Action):
    """The nodes that follow, in the same group, get this remapping."""

    def __init__(
        self, src: SomeSubstitutionsType, dst: SomeSubstitutionsType, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.src, self.dst = src, dst

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        pair = (perform(context, self.src), perform(context, self.dst))
        _append(context, "ros_remaps", pair)


def _append(context: LaunchContext, key: str, pair: tuple[str, str]) -> None:
    """A new list, so that the group's end brings the old one back."""
    context.launch_configurations[key] = [*context.launch_configurations.get(key, ()), pair]


def _joined(outer: str | None, inner: str | None) -> str | None:
    """`inner` below `outer`, absolute; an absolute `inner` stands alone."""
    if outer is None and inner is None:
        return None
    if inner is not None and inner.startswith("/"):
        return inner
    parts = [part.strip("/") for part in (outer, inner) if part]
    return "/" + "/".join(part for part in parts if part)
