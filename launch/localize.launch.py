"""The localizer on a robot.

    ros2 launch semloc_ros localize.launch.py map:=/maps/office image_topic:=/camera/image_raw

Every option of the localizer is an argument (`--show-args` lists them all). One that is not given
keeps the value of `config`, and where that file says nothing, of the package's
config/localize.yaml, which is generated from semloc_ros/config/.

With `labels_model` the node fgsn_segmenter labels the images for a labelled map:

    ros2 launch semloc_ros localize.launch.py map:=/maps/street labels_model:=NAME_OR_FILE

With `places_model` the node place_retriever tells where in the map an image may have been taken;
the map's views must be described by the same model. What reads labels gets those of `labels_model`:

    ros2 launch semloc_ros localize.launch.py map:=/maps/street places_model:=NAME[,NAME]

With `pose_model` instead the node pose_regressor tells it, by a network trained in the map:

    ros2 launch semloc_ros localize.launch.py map:=/maps/street pose_model:=NAME_OR_FILE

With `objects_model` the node ooi_matcher finds the map's objects of interest in the images:

    ros2 launch semloc_ros localize.launch.py map:=/maps/museum objects_model:=NAME_OR_FILE

With `masks_model` the node dynamic_segmenter masks what moves; its masks are the localizer's:

    ros2 launch semloc_ros localize.launch.py map:=/maps/street masks_model:=NAME_OR_FILE

With `inject` the topics go through the node fault_injector first, which puts faults in:

    ros2 launch semloc_ros localize.launch.py map:=/maps/office inject:="drop=0.2 blackout@10=3s"
"""

from pathlib import Path

import yaml
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.conditions import IfCondition
from launch.logging import get_logger
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from semloc_ros.config import (
    DynamicSegmenterNodeConfig,
    LabellerConfig,
    LocalizerNodeConfig,
    OoiMatcherNodeConfig,
    PlaceRetrieverNodeConfig,
    PoseRegressorNodeConfig,
)
from semloc_ros.errors import SemlocError
from semloc_ros.evaluation.faults import parse_faults
from semloc_ros.nodes.launching import (
    arguments_of,
    common_arguments,
    given_in,
    log_level,
    optional,
    parameters,
    sim_time,
    values_of,
)
from semloc_ros.options import describe

OPTIONS = list(describe(LocalizerNodeConfig))
LABELLER = list(describe(LabellerConfig, "labeller."))
MASKER = [
    one
    for one in describe(DynamicSegmenterNodeConfig)
    if one.name.startswith(("dynamic.", "propagation.")) or one.name == "network_nice"
]
TOPICS = {  # argument: the name that the node uses
    "image_topic": "image",
    "camera_info_topic": "camera_info",
    "odom_topic": "odom",
    "mask_topic": "mask",
    "labels_topic": "labels",
    "imu_topic": "imu",
    "places_topic": "places",
    "correspondences_topic": "correspondences",
}
PLACES_MODELS = "retriever.models"
RETRIEVER = [
    one
    for one in describe(PlaceRetrieverNodeConfig)
    if one.name.startswith("retriever.") and one.name != PLACES_MODELS
]
REGRESSOR = [
    one for one in describe(PoseRegressorNodeConfig) if one.name.startswith("regressor.")
]
FINDER = [one for one in describe(OoiMatcherNodeConfig) if one.name.startswith("ooi.")]
TRANSPORT = [one for one in OPTIONS if one.name == "image_transport"]
CAMERA = [one for one in OPTIONS if one.name == "rectified"]
IN_MAP = [one for one in OPTIONS if one.name in ("map", "map_frame")]
GROUPS = {  # argument of a model: options of what it starts, and what comes of it
    "labels_model": (LABELLER, "labels"),
    "masks_model": (MASKER, "mask"),
    "places_model": (RETRIEVER, "places"),
    "pose_model": (REGRESSOR, "places"),
    "objects_model": (FINDER, "correspondences"),
}
# what the place retriever and the localizer are told alike
SHARED = ("map", "map_frame", "image_transport", "odometry", "odom_frame", "base_frame")


def generate_launch_description():
    makers = (checks, segmenter, masker, retriever, regressor, finder, injector, localizer)
    nodes = [OpaqueFunction(function=one) for one in makers]
    return LaunchDescription([*arguments(), *nodes, rviz()])


def arguments():
    """All arguments; an empty one is one that was not given."""
    yield from arguments_of(OPTIONS)
    for argument, name in TOPICS.items():
        yield optional(argument, f"topic to take for {name}")
    yield optional("labels_model", "label images by this model: a name in models/, or a file")
    yield from arguments_of(LABELLER, only_with="labels_model")
    yield optional("masks_model", "mask what moves by this model: a name in models/, or a file")
    yield from arguments_of(MASKER, only_with="masks_model")
    yield optional("places_model", "find places by these models: names in models/ or files, A,B")
    yield from arguments_of(RETRIEVER, only_with="places_model")
    yield optional("pose_model", "regress places by this model: a name in models/, or a file")
    yield from arguments_of(REGRESSOR, only_with="pose_model")
    yield optional("objects_model", "find objects by this model: a name in models/, or a file")
    yield from arguments_of(FINDER, only_with="objects_model")
    yield optional("inject", "faults that the topics get on their way, as drop=0.2 kidnap@40s")
    yield optional("clock_topic", "with inject: where the time comes from that goes on to /clock")
    yield from common_arguments("yaml file of parameters that replace those of the package")
    yield optional("camera_info_listeners", "with inject: how many are waited for")
    yield DeclareLaunchArgument("rviz", default_value="false", description="also start RViz")


def checks(context):
    """What is refused is said before anything starts, so that no other process is started in vain
    and the line is not lost among those of others."""
    given = given_in(context)
    for model, (_, kind) in GROUPS.items():
        if model in given and f"{kind}_topic" in given:
            raise RuntimeError(f"{kind}_topic: expected none beside {model}, got both")
    if "pose_model" in given and "places_model" in given:
        raise RuntimeError("pose_model: expected none beside places_model, got both")
    check_faults(given)
    list(parameters(OPTIONS, given))
    for line in doubts(given):
        get_logger("localize").warning(line)
    return []


def check_faults(given):
    """What the fault injector would refuse."""
    names = [fault.name for fault in parse_faults([given.get("inject", "")], "inject")]
    if "clockjump" in names and "clock_topic" not in given:
        raise RuntimeError("inject: clockjump: expected use_sim_time and clock_topic, got none")


def doubts(given):
    """What is hardly meant, in lines."""
    for model, (options, _) in GROUPS.items():
        names = [one.name for one in options if one.name in given and model not in given]
        if names:
            yield f"{', '.join(names)}: expected {model}, whose node reads it, got none"
    if not {"masks_model", "mask_topic"} & given.keys() and of_masked_images(given):
        model = given["pose_model"]
        wanted = "masks_model or mask_topic, as it learned from masked images"
        yield f"pose_model: {model}: expected {wanted}, got none"


def of_masked_images(given):
    """Whether the model of poses learned from masked images, as far as its file says quickly; what
    is wrong with it is said by the node."""
    if "pose_model" not in given:
        return False
    from semloc_ros.networks.manifest import find_model
    from semloc_ros.networks.model_about import read_about

    try:
        about = read_about(find_model(Path(given["pose_model"]).expanduser()))
    except (ImportError, OSError, SemlocError):
        return False
    return getattr(about, "masked", False)


def localizer(context):
    """The node, with what was given and nothing else."""
    given = given_in(context)
    return [
        Node(
            package="semloc_ros",
            executable="localizer",
            name="localizer",
            namespace=given.get("namespace", ""),
            parameters=[package_file("config", "localize.yaml"), *parameters(OPTIONS, given)],
            remappings=list(faulty() if "inject" in given else topics(given)),
            ros_arguments=log_level(given),
            output="screen",
            emulate_tty=True,
            on_exit=Shutdown(reason="the localizer has ended"),
        )
    ]


def topics(given):
    """Where the topics come from."""
    if "labels_model" in given:
        given = {**given, "labels_topic": "fgsn_segmenter/labels"}
    if "masks_model" in given:
        given = {**given, "mask_topic": "dynamic_segmenter/mask"}
    if "places_model" in given:
        given = {**given, "places_topic": "place_retriever/places"}
    if "pose_model" in given:
        given = {**given, "places_topic": "pose_regressor/places"}
    if "objects_model" in given:
        given = {**given, "correspondences_topic": "ooi_matcher/correspondences"}
    return ((name, given[topic]) for topic, name in TOPICS.items() if topic in given)


def segmenter(context):
    """What labels the images, where a model is given."""
    return of_images("fgsn_segmenter", given_in(context), "labels_model", LABELLER)


def masker(context):
    """What masks the images, where a model is given."""
    return of_images("dynamic_segmenter", given_in(context), "masks_model", MASKER)


def regressor(context):
    """What regresses the places of the images, where a model is given."""
    given = given_in(context)
    options, names = [*REGRESSOR, *IN_MAP], ("image", "mask")
    return of_images("pose_regressor", given, "pose_model", options, names)


def finder(context):
    """What finds objects in the images, where a model is given."""
    given, options = given_in(context), [*FINDER, *IN_MAP, *CAMERA]
    names = ("image", "camera_info", "mask")
    return of_images("ooi_matcher", given, "objects_model", options, names)


def of_images(executable, given, model, options, names=("image",)):
    """The node of a model that works on the images, as they are before any fault."""
    if model not in given:
        return []
    values = {**values_of([*options, *TRANSPORT], given), "model": given[model]}
    return beside(executable, given, values, names)


def retriever(context):
    """What finds the places of the images, as they are before any fault, where models are given."""
    given = given_in(context)
    if "places_model" not in given:
        return []
    options = [*RETRIEVER, *(one for one in OPTIONS if one.name in SHARED)]
    values = {**values_of(options, given), PLACES_MODELS: given["places_model"]}
    return beside("place_retriever", given, values, ("image", "labels", "mask", "odom"))


def beside(executable, given, values, names):
    """A node of ours beside the localizer, with the topics `names` from where they come."""
    return [
        Node(
            package="semloc_ros",
            executable=executable,
            name=executable,
            namespace=given.get("namespace", ""),
            parameters=[values | sim_time(given)],
            remappings=[(name, topic) for name, topic in topics(given) if name in names],
            output="screen",
            emulate_tty=True,
        )
    ]


def faulty():
    """The same topics as the fault injector gives them on."""
    return ((name, f"fault_injector/{name}") for name in TOPICS.values())


def injector(context):
    """Between the topics and the localizer, where faults are asked for."""
    given = given_in(context)
    if "inject" not in given:
        return []
    source = given.get("clock_topic")
    clock = [("/clock", source), ("~/clock", "/clock")] if source else []
    values = {name: given[name] for name in ("inject", "image_transport") if name in given}
    values |= sim_time(given)
    for name in ("seed", "camera_info_listeners"):
        if name in given:
            values[name] = yaml.safe_load(given[name])
    return [
        Node(
            package="semloc_ros",
            executable="fault_injector",
            name="fault_injector",
            namespace=given.get("namespace", ""),
            parameters=[values],
            remappings=[*topics(given), *clock],
            output="screen",
            emulate_tty=True,
            on_exit=Shutdown(reason="the fault injector has ended"),
        )
    ]


def rviz():
    return Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", package_file("rviz", "localize.rviz")],
        condition=IfCondition(LaunchConfiguration("rviz")),
    )


def package_file(*parts):
    return PathJoinSubstitution([FindPackageShare("semloc_ros"), *parts])
