"""From a world to files: drives, sensors, bags."""
