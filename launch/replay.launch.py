"""A recorded drive: plays a bag with /clock, and localizes in it.

    ros2 launch semloc_ros replay.launch.py bag:=drive map:=/maps/office out:=predictions

All arguments of localize.launch.py are taken too. With `out` the localizer's answers are recorded
(predictions.jsonl, poses.tum). The bag waits for the localizer, and everything ends when it does.
With `inject` the bag's topics have faults; for those that set the clock back or forward, the bag's
time goes through the fault injector too.
"""

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    SetLaunchConfiguration,
    Shutdown,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from semloc_ros.config import ReplayConfig
from semloc_ros.nodes.launching import arguments_of, optional
from semloc_ros.options import describe

OPTIONS = list(describe(ReplayConfig))
RECORDED_CLOCK = "/recorded_clock"


def generate_launch_description():
    before, *after = (OpaqueFunction(function=one) for one in (injection, recorder, bag))
    return LaunchDescription([*arguments(), before, localizer(), *after])


def arguments():
    """The bag, how it is played, and where the answers go; empty is not given."""
    yield DeclareLaunchArgument("bag", description="folder of a ROS 2 bag (mcap or sqlite3)")
    yield optional("out", "folder to record the localizer's answers to")
    yield from arguments_of(OPTIONS)


def injection(context):
    """What the fault injector needs to know of the recorder and of the bag's clock."""
    given = context.launch_configurations
    if not given.get("inject"):
        return []
    clock = RECORDED_CLOCK if jumps(given) else ""
    listeners = "2" if given["out"] else "1"
    return [
        SetLaunchConfiguration("clock_topic", clock),
        SetLaunchConfiguration("camera_info_listeners", listeners),
    ]


def localizer():
    path = PathJoinSubstitution(
        [FindPackageShare("semloc_ros"), "launch", "localize.launch.py"]
    )
    source = PythonLaunchDescriptionSource(path)
    return IncludeLaunchDescription(source, launch_arguments={"use_sim_time": "true"}.items())


def jumps(given):
    """Whether a fault is asked for that sets all clocks."""
    return "clockjump" in given.get("inject", "")


def recorder(context):
    """Records only where a folder was given."""
    given = context.launch_configurations
    if not given["out"]:
        return []
    topic = "fault_injector/camera_info" if given["inject"] else given["camera_info_topic"]
    frame = {"map_frame": given["map_frame"]} if given["map_frame"] else {}
    return [
        Node(
            package="semloc_ros",
            executable="recorder",
            namespace=given["namespace"],
            parameters=[{"out": given["out"], "use_sim_time": True, **frame}],
            remappings=[("camera_info", topic)] if topic else [],
            output="screen",
            emulate_tty=True,
            on_exit=Shutdown(reason="the recorder has ended"),
        )
    ]


def bag(context):
    """The player; the launch ends with it."""
    given = context.launch_configurations
    return [
        Node(
            package="semloc_ros",
            executable="replay",
            arguments=[given["bag"], *flags(given)],
            output="screen",
            on_exit=Shutdown(reason="the bag has ended"),
        )
    ]


def flags(given):
    """What was given, as options of the command `replay`."""
    if jumps(given):
        yield from ("--remap", f"/clock:={RECORDED_CLOCK}")
    for one in OPTIONS:
        flag = "--" + one.name.replace("_", "-")
        if one.kind is bool and given[one.name].lower() in ("true", "1"):
            yield flag
        elif one.kind is not bool and given[one.name]:
            yield from (flag, given[one.name])
    if not given["wait_for"]:
        yield from ("--wait-for", listeners(given), "--play-unheard")


def listeners(given):
    """What the localizer subscribes to when its map is loaded, and the recorder's own topic."""
    image = absolute(given["image_topic"] or "image", given["namespace"])
    kinds = ("labels", "masks", "places", "pose", "objects")
    beside = sum(1 for kind in kinds if given[f"{kind}_model"])
    image += f"={1 + beside}" if beside else ""  # the nodes beside listen too
    if not given["out"]:
        return image
    count = 1 if given["inject"] else 2  # the injector has listened for both of them
    topic = absolute(given["camera_info_topic"] or "camera_info", given["namespace"])
    return f"{image},{topic}={count}"


def absolute(topic, namespace):
    return topic if topic.startswith("/") else "/" + f"{namespace}/{topic}".lstrip("/")
