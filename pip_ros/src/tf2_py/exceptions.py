"""What a transform lookup raises. All derive from TransformException."""


class TransformException(Exception):
    """Base of every tf2 error."""


class ConnectivityException(TransformException):
    """Both frames exist but no chain of transforms joins them."""


class LookupException(TransformException):
    """A frame was never heard of, or the tree has a loop."""


class ExtrapolationException(TransformException):
    """The requested time lies outside the stored data of a transform on the way."""


class InvalidArgumentException(TransformException):
    """A frame name is empty or starts with a slash."""


class TimeoutException(TransformException):
    """A transform did not come in time."""
