"""The base of all filters, and the filter that listens to a topic."""

from collections.abc import Callable
from typing import Any

from rclpy.clock import ROSClock
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.time import Time


class SimpleFilter:
    """Calls the registered functions with each output."""

    def __init__(self) -> None:
        self.callbacks: dict[int, tuple[Callable[..., Any], tuple[Any, ...]]] = {}

    def registerCallback(self, cb: Callable[..., Any], *args: Any) -> int:
        """Call `cb(*messages, *args)` with each output; returns the number of the connection."""
        connection = len(self.callbacks)
        self.callbacks[connection] = (cb, args)
        return connection

    def signalMessage(self, *msg: Any) -> None:
        """Hand an output to every registered function."""
        for callback, arguments in tuple(self.callbacks.values()):
            callback(*msg, *arguments)


class Subscriber(SimpleFilter):
    """Puts out each message of a topic.

    Arguments are those of `Node.create_subscription` without the callback, the node in front:
    `Subscriber(node, Image, "image", qos_profile=10, callback_group=group)`.
    """

    def __init__(self, node: Node, msg_type: type, topic: str, **options: Any) -> None:
        super().__init__()
        self.node = node
        self.topic = topic
        options.setdefault("qos_profile", 10)
        self.sub = node.create_subscription(msg_type, topic, self.callback, **options)

    def callback(self, msg: Any) -> None:
        """What the subscription calls."""
        self.signalMessage(msg)

    def getTopic(self) -> str:
        """The topic's name as given."""
        return self.topic

    def __getattr__(self, key: str) -> Any:
        # Reached only for names this class lacks: those of the subscription. Without `sub`, as
        # while copying or after a failed creation, there is nothing to hand on to.
        if key == "sub":
            raise AttributeError(key)
        return getattr(self.sub, key)


def stamp_of(msg: Any, allow_headerless: bool, owner: str) -> Time | None:
    """The header's stamp; without a header the time now if allowed, else None and a warning."""
    stamp = getattr(getattr(msg, "header", None), "stamp", None)
    if stamp is not None:
        return stamp if hasattr(stamp, "nanoseconds") else Time.from_msg(stamp)
    if allow_headerless:
        return ROSClock().now()
    get_logger(owner).warning(
        f"{type(msg).__name__} has no header and is dropped: "
        "allow_headerless=True takes the time of its arrival"
    )
    return None
