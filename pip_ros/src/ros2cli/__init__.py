"""A subset of the command `ros2`: launch, run, and pkg list, prefix and executables."""
