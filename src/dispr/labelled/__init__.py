"""Cells of label images and label stacks, in 2D and 3D."""
