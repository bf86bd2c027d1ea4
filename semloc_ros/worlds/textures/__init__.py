"""Procedural textures: noise, surfaces of buildings, paintings."""
