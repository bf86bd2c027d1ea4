"""Ray casting with exact truth: scenes, light, images."""
