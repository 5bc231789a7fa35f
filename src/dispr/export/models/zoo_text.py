"""What a BioImage.IO package says of the shipped model, in words."""

from __future__ import annotations

NAME = "DISPR - 3D shapes of red blood cells from one 2D image"

DESCRIPTION = (
    "Draws plausible 3D shapes (64 x 64 x 64 voxels) of a red blood cell from one confocal section "
    "through its middle and the mask of the cell. A diffusion model denoises a coarse volume in "
    "two steps and refines it to full size; the plane of the section equals the mask. The shapes "
    "of one cell differ where the section does not determine them."
)

TAGS = (
    "3d",
    "cells",
    "red-blood-cells",
    "fluorescence-light-microscopy",
    "confocal",
    "diffusion",
    "shape-prediction",
    "reconstruction",
    "uncertainty",
    "pytorch",
    "onnx",
    "dispr",
)

PAPER = (
    "Waibel, Röell, Rieck, Giryes, Marr: A Diffusion Model Predicts 3D Shapes from 2D Microscopy "
    "Images (2022)",
    "10.48550/arXiv.2208.14125",
)
DATA = (
    "Waibel, Röell, Rieck, Giryes, Marr: Red blood cells of the published study, each as a 2D "
    "image, a mask and a 3D shape (training data)",
    "10.5281/zenodo.7031924",
)
IMAGED = (
    "Simionato et al.: Red blood cell phenotyping from 3D confocal images using artificial neural "
    "networks, PLoS Computational Biology 17(5), e1008934 (2021)",
    "10.1371/journal.pcbi.1008934",
)

IMAGE = "Section through the middle of the cell, scaled from its own minimum and maximum to 0 and 1"
MASK = "Segmentation of the cell: 0 outside, any one other value inside"
NOISE = "Standard normal: of each sample, the start (16 x 16 x 16) and the noises of the refinement"
SHAPES = "Five shapes: 1 inside, 0 outside; the section is plane 32"
OCCUPANCY = "What the network says of the five shapes before the threshold of 0.5"

NOT_FOR = (
    "Other cells, other stains, out-of-focus images or projections: the model gives shapes for "
    "them without an error. It is no medical device."
)

LIMITS = (
    "The section must pass through the middle of the cell. Cell clusters and keratocytes are the "
    "most difficult; spicules of echinocytes are predicted too smooth. The side of the cell that "
    "lies on the glass is taken to be at high Z. One section rarely determines the shape above "
    "and below it: look at all five shapes."
)

README = """# {name}

{description}

Made by DISPR {version} (`dispr export bioimageio`) from its shipped weights, SHA-256 `{sha256}`.
Licence: {licence}.

## Use

- **image**, **mask**: 64 x 64 pixels of {voxel_um} um about the middle of one cell. Crop at this
  scale; in the training images the longer side of a mask spans {least:g} to {most:g} pixels, in
  the median {typical:g}.
- **noise**: standard normal, 5 samples x {length} numbers. Draw it anew for each cell. With the
  PyTorch weights it may be left out, and is then drawn by PyTorch. The test tensor is the noise
  of `dispr predict`.
- **shapes**: 5 shapes x 64 x 64 x 64 (Z Y X), 1 inside; plane 32 is the mask. Their mean is a
  probability, and what more than half of them share the consensus.
- **occupancy**: what the network says before the threshold of 0.5.

The PyTorch weights need the package `dispr`; the ONNX weights need no more than an ONNX runtime.
DISPR itself also crops the cells of a field of view, measures the shapes with intervals, and
warns of cells that are unlike the training cells.

## Training

465 real red blood cells of six classes (spinning-disk confocal, CellMask membrane stain) and
3,000 simulated cells; 59 real cells were used to choose settings.

- {paper[0]}, doi:{paper[1]}
- {data[0]}, doi:{data[1]}
- {imaged[0]}, doi:{imaged[1]}

## Validation

Consensus of five shapes against the true 3D shape, on the 137 test cells of the published data
set (`dispr predict red_blood_cells --split test -o predictions`, `dispr evaluate predictions
red_blood_cells --split test`). The volume error is relative.

| class | cells | IoU | volume error |
| --- | --- | --- | --- |
| all | 137 | 0.762 | 0.088 |
| SDE (spherocyte to echinocyte) | 98 | 0.795 | 0.062 |
| acanthocytes | 16 | 0.745 | 0.108 |
| cell clusters | 13 | 0.634 | 0.120 |
| keratocytes | 4 | 0.600 | 0.515 |
| knizocytes | 4 | 0.614 | 0.074 |
| multilobate | 2 | 0.725 | 0.180 |

These are the scores of `dispr predict`, whose images are divided by 255; here they are scaled
from their own minimum and maximum, which the images of that data set nearly span. To validate the
model on your own cells, compare its shapes with segmented z-stacks of some of them (`dispr
prepare`, `dispr evaluate`).

## Limits

{limits}

Not for: {not_for}

The picture and the test tensors show simulated cells.
"""
