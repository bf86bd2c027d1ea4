"""Events of the launch service itself."""

from launch.event import Event
from launch.events import process

__all__ = ["IncludeLaunchDescription", "Shutdown", "matches_action", "process"]


class Shutdown(Event):
    """Everything is to stop. `due_to_sigint`: a terminal has told the children already."""

    name = "launch.events.Shutdown"

    def __init__(
        self, *, reason: str = "reason not given", due_to_sigint: bool = False, **kwargs: object
    ) -> None:
        self.reason = reason
        self.due_to_sigint = due_to_sigint


class IncludeLaunchDescription(Event):
    """A launch description is to be visited."""

    name = "launch.events.IncludeLaunchDescription"

    def __init__(self, launch_description: object) -> None:
        self.launch_description = launch_description


def matches_action(target_action: object) -> process.Matcher:
    """Matches the process of one action."""
    return lambda action: action is target_action
