"""Something that happened."""


class Event:
    """Base of all events; `name` is for the log."""

    name = "launch.Event"
