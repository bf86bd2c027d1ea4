"""What every transform buffer offers, and the register of types that it can transform."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.time import Time
from std_msgs.msg import Header


class TypeException(Exception):
    """No conversion or transformation is registered for a type."""


class NotImplementedException(Exception):
    """A buffer lacks a lookup."""


class TransformRegistration:
    """Which function applies a TransformStamped to objects of a type; shared by all buffers."""

    _functions: dict[type, Callable[[Any, TransformStamped], Any]] = {}

    def add(self, key: type, callback: Callable[[Any, TransformStamped], Any]) -> None:
        """Register `callback(object_stamped, transform)` for a type."""
        self._functions[key] = callback

    def get(self, key: type) -> Callable[[Any, TransformStamped], Any]:
        """The function of a type; raises TypeException."""
        return _registered(self._functions, key)


class ConvertRegistration:
    """Which functions convert types to and from stamped messages; shared by all buffers."""

    _from_message: dict[Any, Callable[[Any], Any]] = {}
    _to_message: dict[Any, Callable[[Any], Any]] = {}
    _direct: dict[Any, Callable[[Any], Any]] = {}

    def add_from_msg(self, key: type, callback: Callable[[Any], Any]) -> None:
        """Register how a message becomes an object of a type."""
        self._from_message[key] = callback

    def add_to_msg(self, key: type, callback: Callable[[Any], Any]) -> None:
        """Register how an object of a type becomes a message."""
        self._to_message[key] = callback

    def add_convert(self, key: tuple[type, type], callback: Callable[[Any], Any]) -> None:
        """Register a direct conversion (from, to)."""
        self._direct[key] = callback

    def get_from_msg(self, key: type) -> Callable[[Any], Any]:
        """The function registered by add_from_msg; raises TypeException."""
        return _registered(self._from_message, key)

    def get_to_msg(self, key: type) -> Callable[[Any], Any]:
        """The function registered by add_to_msg; raises TypeException."""
        return _registered(self._to_message, key)

    def get_convert(self, key: tuple[type, type]) -> Callable[[Any], Any]:
        """The function registered by add_convert; raises TypeException."""
        return _registered(self._direct, key)


class BufferInterface:
    """Lookups, and `transform` on top of them; a subclass supplies the lookups."""

    def __init__(self) -> None:
        self.registration = TransformRegistration()

    def transform(
        self,
        object_stamped: Any,
        target_frame: str,
        timeout: Duration = Duration(),  # noqa: B008 (never changed, upstream's default)
        new_type: type | None = None,
    ) -> Any:
        """A stamped object in another frame, of `new_type` where given."""
        apply = self.registration.get(type(object_stamped))
        header = object_stamped.header
        found = self.lookup_transform(target_frame, header.frame_id, header.stamp, timeout)
        result = apply(object_stamped, found)
        return result if new_type is None else convert(result, new_type)

    def transform_full(
        self,
        object_stamped: Any,
        target_frame: str,
        target_time: Time,
        fixed_frame: str,
        timeout: Duration = Duration(),  # noqa: B008
        new_type: type | None = None,
    ) -> Any:
        """A stamped object in another frame at another time, by a frame at rest between both."""
        apply = self.registration.get(type(object_stamped))
        header = object_stamped.header
        found = self.lookup_transform_full(
            target_frame, target_time, header.frame_id, header.stamp, fixed_frame, timeout
        )
        result = apply(object_stamped, found)
        return result if new_type is None else convert(result, new_type)

    def lookup_transform(self, *arguments: Any, **options: Any) -> TransformStamped:
        """See Buffer."""
        raise NotImplementedException("lookup_transform")

    def lookup_transform_full(self, *arguments: Any, **options: Any) -> TransformStamped:
        """See Buffer."""
        raise NotImplementedException("lookup_transform_full")

    def can_transform(self, *arguments: Any, **options: Any) -> bool:
        """See Buffer."""
        raise NotImplementedException("can_transform")

    def can_transform_full(self, *arguments: Any, **options: Any) -> bool:
        """See Buffer."""
        raise NotImplementedException("can_transform_full")


def convert(a: Any, b_type: type) -> Any:
    """An object as another type, directly where registered, else by way of its message."""
    registration = ConvertRegistration()
    try:
        return registration.get_convert((type(a), b_type))(a)
    except TypeException:
        if type(a) is b_type:
            return deepcopy(a)
        return registration.get_from_msg(b_type)(registration.get_to_msg(type(a))(a))


def Stamped(obj: Any, stamp: Time, frame_id: str) -> Any:
    """Give an object a header."""
    obj.header = Header(frame_id=frame_id, stamp=stamp)
    return obj


def _registered(functions: dict[Any, Callable[..., Any]], key: Any) -> Callable[..., Any]:
    if key not in functions:
        raise TypeException(f"{key}: no function is registered for this type")
    return functions[key]
