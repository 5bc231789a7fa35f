"""Shapes as smooth, closed surfaces, and their files."""
