"""The only place where defaults are written: one frozen dataclass per part of the system.

`options.py` turns these fields into ROS parameters, yaml files and command-line options.
"""

from semloc_ros.config.demo import (
    DemoConfig,
    DemoGalleryConfig,
    DemoNodesConfig,
    GoalsConfig,
)
from semloc_ros.config.dynamic import DynamicConfig
from semloc_ros.config.dynamic_segmenter import DynamicSegmenterNodeConfig, PropagationConfig
from semloc_ros.config.evaluation import (
    BagTopicsConfig,
    DoctorConfig,
    EvaluateConfig,
    EvaluationConfig,
)
from semloc_ros.config.filter import (
    FilterConfig,
    GravityConsistencyConfig,
    LabelsConfig,
    OdometryNoiseConfig,
    ParticlesConfig,
)
from semloc_ros.config.injection import FaultInjectorConfig
from semloc_ros.config.localization import (
    CovarianceConfig,
    FeaturesConfig,
    GateConfig,
    LocalizerConfig,
    MatchingConfig,
    PlacesConfig,
    PnpConfig,
)
from semloc_ros.config.maps import MapBuilderConfig, PairsConfig, RefinementConfig
from semloc_ros.config.nodes import (
    LocalizerNodeConfig,
    MotionConfig,
    RecorderNodeConfig,
    ReplayConfig,
    TrackingConfig,
)
from semloc_ros.config.object_matching import (
    ObjectFeaturesConfig,
    ObjectMatcherConfig,
    ObjectRefinementConfig,
    OoiMatcherNodeConfig,
)
from semloc_ros.config.objects import ObjectsConfig
from semloc_ros.config.perception import ClusterLabelsConfig
from semloc_ros.config.places import (
    DescriberConfig,
    PlaceRetrieverNodeConfig,
    RetrieverConfig,
    SequenceConfig,
)
from semloc_ros.config.pose_regressor import PoseRegressorNodeConfig
from semloc_ros.config.segmenter import FgsnSegmenterNodeConfig, LabellerConfig
from semloc_ros.config.slam_bridge import SlamBridgeNodeConfig
from semloc_ros.config.worlds import (
    ClipConfig,
    GalleryConfig,
    SensorsConfig,
    StreetConfig,
    WorldPairsConfig,
)

__all__ = [
    "BagTopicsConfig",
    "ClipConfig",
    "ClusterLabelsConfig",
    "CovarianceConfig",
    "DemoConfig",
    "DemoGalleryConfig",
    "DemoNodesConfig",
    "DescriberConfig",
    "DoctorConfig",
    "DynamicConfig",
    "DynamicSegmenterNodeConfig",
    "EvaluateConfig",
    "EvaluationConfig",
    "FaultInjectorConfig",
    "FeaturesConfig",
    "FgsnSegmenterNodeConfig",
    "FilterConfig",
    "GalleryConfig",
    "GateConfig",
    "GoalsConfig",
    "GravityConsistencyConfig",
    "LabellerConfig",
    "LabelsConfig",
    "LocalizerConfig",
    "LocalizerNodeConfig",
    "MapBuilderConfig",
    "MatchingConfig",
    "MotionConfig",
    "ObjectFeaturesConfig",
    "ObjectMatcherConfig",
    "ObjectRefinementConfig",
    "ObjectsConfig",
    "OdometryNoiseConfig",
    "OoiMatcherNodeConfig",
    "PairsConfig",
    "ParticlesConfig",
    "PlaceRetrieverNodeConfig",
    "PlacesConfig",
    "PnpConfig",
    "PoseRegressorNodeConfig",
    "PropagationConfig",
    "RecorderNodeConfig",
    "RefinementConfig",
    "ReplayConfig",
    "RetrieverConfig",
    "SensorsConfig",
    "SequenceConfig",
    "SlamBridgeNodeConfig",
    "StreetConfig",
    "TrackingConfig",
    "WorldPairsConfig",
]
