"""A subset of ROS 2 `launch_ros`: nodes with their names, parameters and remappings."""
