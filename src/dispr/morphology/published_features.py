"""The registry of the published features, in their published order; all in voxels and pixels."""

from __future__ import annotations

from dispr.morphology.features import Feature

SIZE = 64
"""Planes that have a Gabor feature."""

NOTEBOOK = "SHAPR, Extract Features from 3D Shapes"
MASKS = "SHAPR, Extract features from 2D segmentation"
IMAGES = "SHAPR, Extract Features from 2D Microscope"


def _listed(source: str, features: dict[str, str]) -> list[Feature]:
    return [Feature(name, "none", formula, source) for name, formula in features.items()]


PUBLISHED_SHAPE: tuple[Feature, ...] = tuple(
    _listed(
        NOTEBOOK,
        {
            "volume": "number of voxels",
            "surface": "area of the marching-cubes mesh of the voxels, steps and all",
            "mean": "share of the voxels that are occupied",
            "xy_boundary": "boundary pixels of plane Z = 32: dilate(not b) and b, 3 x 3",
            "xz_boundary": "the same of plane Y = 32",
            "yz_boundary": "the same of plane X = 32",
            "boundary_3D": "boundary voxels: dilate(not b) and b, 3 x 3 x 3",
            "shape_index": "mean over the vertices of the angle defects within a ball around each",
            "roughness": "root of the sum of squared ways of the vertices under HC smoothing",
            "gauss_roughness": "voxels that a Gaussian of 2 voxels and the threshold 1/2 change",
            "convexity": "voxels in the convex hull that are not occupied",
            "zsum_mean": "mean of the projection (sum along Z)",
            "zsum_std": "standard deviation of the projection",
            "zsum_max": "maximum of the projection",
            "mean_faces": "mean of the vertex numbers in the triangles",
            "median_faces": "median of these",
            "std_faces": "standard deviation of these",
            "mean_verts": "mean of all coordinates of the vertices",
            "median_verts": "median of these",
            "std_verts": "standard deviation of these",
            "moment_cr0_v": "centroid along X",
            "moment_cc0_v": "centroid along Y",
            "moment_cr1_v": "centroid along X, voxels weighted by Z",
            "moment_cc1_v": "centroid along Y, voxels weighted by Z",
            "moment_cr2_v": "centroid along X, voxels weighted by Z^2",
            "moment_cc2_v": "centroid along Y, voxels weighted by Z^2",
            "moment_cr_zsum": "centroid of the projection along X (equal to moment_cr0_v)",
            "moment_cc_zsum": "centroid of the projection along Y (equal to moment_cc0_v)",
            "glcm_diss": "dissimilarity of the projection, pixels 5 apart along X, 256 levels",
            "glcm_corr": "correlation of the projection, pixels 5 apart along X, 256 levels",
            "inertia_eigvals0": "largest eigenvalue of the voxels' inertia tensor over the volume",
            "inertia_eigvals1": "middle one",
            "inertia_eigvals2": "least one",
            "num_faces": "triangles of the mesh",
            "num_verts": "vertices of the mesh",
            "gabor_zsum": "sum of the Gabor filter of frequency 1 of the projection",
            "mesh_volume": "volume inside of the mesh",
            "mesh_convex_hull_volume": "volume of the mesh's convex hull",
            "xy_convexity": "pixels in the convex hull of plane Z = 32 that are not occupied",
            "xz_convexity": "the same of plane Y = 32",
            "yz_convexity": "the same of plane X = 32",
            **{
                f"gabor{i}": f"sum of the Gabor filter of frequency 1 of plane Z = {i}"
                for i in range(SIZE)
            },
            **{
                f"mesh_inertia{i}": f"inertia tensor of the mesh, row {i // 3}, column {i % 3}"
                for i in range(9)
            },
            **{f"mesh_principal0{i}": f"its eigenvalue {i}, from the least" for i in range(3)},
            **{
                f"mesh_principal1{i}": f"eigenvector {i // 3} of it, coordinate {i % 3}; its sign "
                "is arbitrary"
                for i in range(9)
            },
        },
    )
)

PUBLISHED_SECTION: tuple[Feature, ...] = (
    *_listed(
        MASKS,
        {
            "mean_msk": "mean of the mask",
            "surface_msk": "number of pixels with the mask's maximum",
            "boundary_msk": "boundary pixels of these: dilate(not b) and b, 3 x 3",
            "roughness_msk": "sum of |(Gaussian of 2 pixels of the mask > 1/2) - mask|",
            "convexity_msk": "number of pixels in their convex hull less the sum of the mask",
            "moment_cr_msk": "centroid along X",
            "moment_cc_msk": "centroid along Y",
            "gabor1_msk": "sum of the Gabor filter of frequency 1, in integers",
            "gabor2_msk": "sum of the Gabor filter of frequency 0.1, in integers",
        },
    ),
    *_listed(
        IMAGES,
        {
            "mean": "mean of image times mask, over all pixels",
            "std": "standard deviation of image times mask, over all pixels",
            "gabor": "sum of the Gabor filter of frequency 1 of image times mask",
            "glcm_diss": "dissimilarity of image times mask, pixels 5 apart along X, 256 levels",
            "glcm_cor": "correlation of image times mask, pixels 5 apart along X, 256 levels",
        },
    ),
)
