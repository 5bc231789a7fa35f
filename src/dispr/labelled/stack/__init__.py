"""Training data from stacks: cells of confocal z-stacks and their 3D segmentations."""
