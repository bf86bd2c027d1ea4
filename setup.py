"""One tree, two installs: `pip install .` and `colcon build` both read setup.cfg and this file."""

from glob import glob

from setuptools import Distribution, setup

SHARE = "share/semloc_ros"


class DistributionWithData(Distribution):
    """Lets `pip install -e` install data_files too: it asks whether there are any by this name."""

    def has_data(self):
        return self.has_data_files()


setup(
    distclass=DistributionWithData,
    python_requires=">=3.10",  # colcon cannot read it from setup.cfg
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/semloc_ros"]),
        (SHARE, ["package.xml"]),
        (f"{SHARE}/launch", sorted(glob("launch/*.launch.py"))),
        (f"{SHARE}/config", sorted(glob("config/*.yaml"))),
        (f"{SHARE}/models", sorted(glob("models/*"))),
        (f"{SHARE}/config/training", sorted(glob("config/training/*.yaml"))),
        (f"{SHARE}/rviz", sorted(glob("rviz/*.rviz"))),
        # launch_ros looks for nodes in lib/<package> only; pip would put an entry point into bin
        ("lib/semloc_ros", sorted(glob("scripts/*"))),
    ],
)
