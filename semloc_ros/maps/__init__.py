"""Semantic maps: what is stored, how it is built from posed images, and how it comes and goes."""
