"""The ROS nodes: the only room that imports ROS. One file per node, and what they share."""
