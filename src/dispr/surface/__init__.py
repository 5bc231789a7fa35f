"""Surfaces of shapes: smooth, closed meshes, what is measured on them, their files."""
