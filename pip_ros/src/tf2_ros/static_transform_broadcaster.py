"""Publishes transforms that hold for ever."""

from collections.abc import Iterable

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

from tf2_ros.transform_broadcaster import as_list


class StaticTransformBroadcaster:
    """Publishes on /tf_static, latched: late listeners get the last message."""

    def __init__(self, node: Node, qos: QoSProfile | int | None = None) -> None:
        """`qos` is a profile or a history depth, latched with depth 1 unless given."""
        latched = QoSProfile(
            depth=1,
            durability=DurabilityPolicy.TRANSIENT_LOCAL,
            history=HistoryPolicy.KEEP_LAST,
        )
        self.pub_tf = node.create_publisher(
            TFMessage, "/tf_static", latched if qos is None else qos
        )
        self._by_child: dict[str, TransformStamped] = {}

    def sendTransform(self, transform: TransformStamped | Iterable[TransformStamped]) -> None:
        """Publish one transform or several, together with all that were sent before.

        Only the last message is latched, so it must hold everything; a newer transform of a child
        frame replaces the older.
        """
        self._by_child.update((item.child_frame_id, item) for item in as_list(transform))
        self.pub_tf.publish(TFMessage(transforms=list(self._by_child.values())))
