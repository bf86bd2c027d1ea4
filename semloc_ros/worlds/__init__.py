"""Synthetic worlds with exact truth: geometry, textures, ray casting, sensors, bags."""
