"""The features of the published study, by their published names and definitions, in voxels.

Those of shapes are the 126 of the study's notebook on 3D shapes, those of sections the ones of its
two notebooks on masks and images. Each is computed here by what it is mathematically, which is
often much less than what was computed:

- A Gabor filter of frequency 1 is, at whole pixels, a narrow Gaussian without any wave: its sum
  over a plane is the area of the plane times a constant. The 64 `gabor` features are the profile
  of areas along Z; `gabor_zsum` is the volume.
- `mean_faces` to `std_faces` are statistics of the numbers by which triangles name their vertices:
  functions of the number of vertices, and of the order in which marching cubes goes.
- `mean`, `zsum_mean` and `gabor_zsum` are the volume times constants, `inertia_eigvals` and
  `mesh_principal0` are nearly functions of one another, and `moment_*_v` are moments of the whole
  volume (cr and cc along X and Y, weighted by Z to the power 0, 1, 2), not of single planes.
- `shape_index` is not a shape index (Koenderink): it is the mean over the vertices of the sum of
  the angle defects within a ball, whose radius is that of a ball that touches the surface, starting
  from the centre of mass, which is not a point of the surface. Where the centre of mass lies
  outside of the body, the radius says nothing. Where the surface is nearest to it in a corner of
  several triangles, the published program takes one by the order of an index; here it is the one
  that faces it most, so that the value differs in such cases.
- `roughness` is the length of one vector of all vertices' ways: it grows with the root of their
  number.
- `surface` and `mesh_volume` are of the stepped mesh: the area is 8 % too large.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError, cKDTree

from dispr.cells.box import bounding_box
from dispr.morphology import voxels
from dispr.morphology.published_features import PUBLISHED_SECTION, PUBLISHED_SHAPE, SIZE
from dispr.surface.humphrey import humphrey

SHAPE_NAMES = tuple(feature.name for feature in PUBLISHED_SHAPE)
SECTION_NAMES = tuple(feature.name for feature in PUBLISHED_SECTION)


def published_shape_features(body: np.ndarray) -> dict[str, float]:
    """Compute the published features of a shape.

    Parameters
    ----------
    body : ndarray
        bool, (Z, Y, X), not empty; at least 33 voxels along each axis, for the planes 32, and at
        most 64 planes.

    Returns
    -------
    dict of str to float
        By `SHAPE_NAMES`, in voxels. `gabor` of planes that the volume does not have is 0. What is
        of the mesh is NaN for a volume that the body fills, which has no surface.

    Raises
    ------
    ArrayError
        If the volume has another size.
    """
    if min(body.shape) <= SIZE // 2 or body.shape[0] > SIZE:
        from dispr.errors import ArrayError

        raise ArrayError(
            f"the volume has the shape {body.shape}; the published features need 64 x 64 x 64 "
            "voxels."
        )
    vertices, faces = _mesh(body)
    zsum = body.sum(axis=0)
    middle = SIZE // 2
    planes = {"xy": body[middle], "xz": body[:, middle], "yz": body[:, :, middle]}
    gabor = gabor_sum() * body.sum(axis=(1, 2))
    found = {
        "volume": voxels.volume(body),
        "mean": body.mean(),
        **{f"{name}_boundary": _boundary(plane) for name, plane in planes.items()},
        "boundary_3D": voxels.surface(body),
        "gauss_roughness": voxels.roughness(body),
        "convexity": hull_voxels(body) - voxels.volume(body),
        "zsum_mean": zsum.mean(),
        "zsum_std": zsum.std(),
        "zsum_max": zsum.max(),
        **_moments(body, zsum),
        **_mesh_features(vertices, faces, body),
        **dict(zip(("glcm_diss", "glcm_corr"), _cooccurrence(zsum), strict=True)),
        **{f"inertia_eigvals{i}": value for i, value in enumerate(_inertia_eigenvalues(body))},
        "gabor_zsum": gabor_sum() * zsum.sum(),
        **{f"{name}_convexity": _lacking(plane) for name, plane in planes.items()},
        **{f"gabor{i}": gabor[i] if i < len(gabor) else 0.0 for i in range(SIZE)},
    }
    return {name: float(found.get(name, math.nan)) for name in SHAPE_NAMES}


def published_section_features(image: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Compute the published features of a section.

    The published program divides a mask by its maximum and does not threshold it where it holds a
    0, as every mask does. `mean_msk` is therefore of the grey mask, `roughness_msk` and
    `convexity_msk` subtract it, and the others are of the pixels that have the largest grey value
    alone. These are integers, and so are the values of their Gabor filter: what is below 1 is cut
    off. Features of the image are of image times mask, the mask thresholded by Otsu's method.

    Parameters
    ----------
    image, mask : ndarray
        uint8, (64, 64).

    Returns
    -------
    dict of str to float
        By `SECTION_NAMES`, in pixels and grey values.
    """
    from skimage.filters import gabor, threshold_otsu

    grey = mask / mask.max()
    full = grey == 1
    blurred = ndimage.gaussian_filter(grey, 2) > 0.5
    rows, columns = np.nonzero(full)
    inside = grey > threshold_otsu(grey) if grey.min() < grey.max() else grey > 0
    seen = image * inside
    dissimilarity, correlation = _cooccurrence(seen)
    found = {
        "mean_msk": grey.mean(),
        "surface_msk": np.count_nonzero(full),
        "boundary_msk": _boundary(full),
        "roughness_msk": np.abs(blurred - grey).sum(),
        "convexity_msk": (_hull_image(full) - grey).sum(),
        "moment_cr_msk": columns.mean(),
        "moment_cc_msk": rows.mean(),
        "gabor1_msk": gabor(full.astype(int), 1)[0].sum(),
        "gabor2_msk": gabor(full.astype(int), 0.1)[0].sum(),
        "mean": seen.mean(),
        "std": seen.std(),
        "gabor": gabor_sum() * seen.sum(dtype=float),
        "glcm_diss": dissimilarity,
        "glcm_cor": correlation,
    }
    return {name: float(found[name]) for name in SECTION_NAMES}


@lru_cache(maxsize=1)
def gabor_sum() -> float:
    """Sum of the real Gabor kernel of frequency 1, by which it multiplies the sum of an image.

    The kernel is even and the image is reflected at its edges, so that each pixel's weights add up
    to this wherever it lies.
    """
    from skimage.filters import gabor_kernel

    return float(np.real(gabor_kernel(1)).sum())


def hull_voxels(body: np.ndarray) -> int:
    """Count the voxels in the convex hull of the middles of the voxels' faces.

    What scikit-image's `convex_hull_image` marks, without asking every voxel about every facet: a
    convex hull cuts each row along X in one piece, whose ends follow from the facets.
    """
    z, y = np.nonzero(body.any(axis=2))
    rows = body[z, y]
    first, last = rows.argmax(axis=1), body.shape[2] - 1 - rows[:, ::-1].argmax(axis=1)
    ends = np.concatenate([np.stack([z, y, first], 1), np.stack([z, y, last], 1)]).astype(float)
    offsets = np.concatenate([np.eye(3), -np.eye(3)]) / 2
    corners = (ends[:, None] + offsets).reshape(-1, 3)
    try:
        facets = np.unique(ConvexHull(corners).equations.round(12), axis=0)
    except QhullError:  # cannot happen: the offsets have an extent along each axis
        return voxels.volume(body)
    lines = np.mgrid[z.min() : z.max() + 1, y.min() : y.max() + 1].reshape(2, -1).T
    left = facets[:, 3] + lines @ facets[:, :2].T - TOLERANCE
    slope = facets[:, 2]
    level = np.abs(slope) < 1e-12
    outside = (left[:, level] > 0).any(axis=1)
    high = (-left[:, slope > 1e-12] / slope[slope > 1e-12]).min(axis=1)
    low = (-left[:, slope < -1e-12] / slope[slope < -1e-12]).max(axis=1)
    count = np.floor(high) - np.ceil(low) + 1
    return int(np.where(outside, 0, np.maximum(count, 0)).sum())


TOLERANCE = 1e-9
"""Distance from a facet up to which a voxel is in the hull."""


def _mesh(body: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Marching cubes on the voxels, open where the body touches the border, as published."""
    from skimage.measure import marching_cubes

    box = bounding_box(body, 1)
    if body[box].all():
        return np.empty((0, 3)), np.empty((0, 3), int)
    vertices, faces, *_ = marching_cubes(body[box] * np.float32(255), 127.5)
    return vertices.astype(np.float64) + [part.start for part in box], faces


def _mesh_features(vertices: np.ndarray, faces: np.ndarray, body: np.ndarray) -> dict[str, float]:
    if not len(faces):
        return {}
    import trimesh

    mesh = trimesh.Trimesh(vertices, faces, process=False)
    moved = humphrey(vertices, faces) - vertices
    inertia = np.asarray(mesh.moment_inertia)
    components, axes = trimesh.inertia.principal_axis(inertia)
    found = {
        "surface": mesh.area,
        "shape_index": _curvature_measure(mesh, body),
        "roughness": math.sqrt((moved**2).sum()),
        "mean_faces": faces.mean(),
        "median_faces": np.median(faces),
        "std_faces": faces.std(),
        "mean_verts": vertices.mean(),
        "median_verts": np.median(vertices),
        "std_verts": vertices.std(),
        "num_faces": len(faces),
        "num_verts": len(vertices),
        "mesh_volume": mesh.volume,
        "mesh_convex_hull_volume": ConvexHull(vertices).volume,
    }
    for name, values in (
        ("mesh_inertia", inertia.ravel()),
        ("mesh_principal0", components),
        ("mesh_principal1", np.asarray(axes).ravel()),
    ):
        found |= {f"{name}{i}": value for i, value in enumerate(values)}
    return found


def _curvature_measure(mesh: Any, body: np.ndarray) -> float:
    """Mean over the vertices of the sum of angle defects within a ball around each.

    Each vertex's defect counts once for every vertex near it, so that the sum over the pairs of
    near vertices is all that is needed.
    """
    radius = tangent_radius(np.array(ndimage.center_of_mass(body)), mesh)
    defects = np.array(mesh.vertex_defects)
    if not math.isfinite(radius):
        return math.nan
    if radius <= 0:
        return float(defects.mean()) if radius == 0 else 0.0
    tree = cKDTree(mesh.vertices)
    pairs = tree.count_neighbors(tree, radius, weights=(defects, None))
    return float(pairs) / len(defects)


def tangent_radius(start: np.ndarray, mesh: Any) -> float:
    """Radius of the ball that the published curvature is summed in.

    The ball of Inui et al. (2016, Comput.-Aided Des. Appl. 13:199), which passes through `start`
    and touches the surface, with its centre on the line from there against the normal of the
    nearest triangle; as trimesh's `max_tangent_sphere` finds it, for one point and by asking every
    triangle, which needs no index of them.

    Parameters
    ----------
    start : ndarray
        (3,)
    mesh : trimesh.Trimesh
        The surface.
    """
    triangles = np.asarray(mesh.triangles)
    normals = np.asarray(mesh.face_normals)
    point, equals = _nearest(triangles, start)
    normal = -normals[equals[(normals[equals] @ (start - point)).argmax()]]
    hits = _ray(triangles, start, normal)
    if len(hits):
        radius = hits.min() / 2
    else:
        ahead = (mesh.vertices - start) @ normal
        if ahead.max() < 1e-8:
            return math.inf
        way = mesh.vertices[ahead.argmax()] - start
        radius = way @ way / (2 * way @ normal)
    close = 1e-6 * float(np.linalg.norm(mesh.bounds[1] - mesh.bounds[0]))
    for _ in range(100):
        centre = start + normal * radius
        point = _nearest(triangles, centre)[0]
        if abs(np.linalg.norm(point - centre) - np.linalg.norm(centre - start)) < 1e-8:
            break
        way = point - start
        smaller = way @ way / (2 * way @ normal)
        gain, radius = radius - smaller, smaller
        if gain < close:
            break
    return float(radius)


def _nearest(triangles: np.ndarray, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the point of a surface that is nearest to one, and the triangles that hold it."""
    from trimesh.triangles import closest_point

    # Only triangles near enough to hold it: no edge of marching cubes is longer than 1.5.
    distance = np.linalg.norm(triangles[:, 0] - point, axis=1)
    near = np.flatnonzero(distance <= distance.min() + 1.5)
    found = closest_point(triangles[near], np.broadcast_to(point, (len(near), 3)))
    squares = ((found - point) ** 2).sum(axis=1)
    return found[squares.argmin()], near[squares < squares.min() + 1e-8]


def _ray(triangles: np.ndarray, start: np.ndarray, way: np.ndarray) -> np.ndarray:
    """Distances at which a ray meets triangles (Möller and Trumbore 1997)."""
    corner = triangles[:, 0]
    a, b = triangles[:, 1] - corner, triangles[:, 2] - corner
    across = np.cross(way, b)
    scale = np.einsum("ij,ij->i", a, across)
    crossed = np.abs(scale) > 1e-12
    off, a, b, scale = (start - corner)[crossed], a[crossed], b[crossed], scale[crossed]
    u = np.einsum("ij,ij->i", off, across[crossed]) / scale
    turned = np.cross(off, a)
    v = turned @ way / scale
    distance = np.einsum("ij,ij->i", b, turned) / scale
    slack = 1e-8
    hit = (u >= -slack) & (v >= -slack) & (u + v <= 1 + slack) & (distance > slack)
    return distance[hit]


def _boundary(plane: np.ndarray) -> int:
    return int(np.count_nonzero(plane & ndimage.binary_dilation(~plane, np.ones((3, 3), bool))))


def _lacking(plane: np.ndarray) -> int:
    """Pixels of the convex hull that are not in the plane; 0 for an empty one."""
    return int(np.count_nonzero(_hull_image(plane))) - int(np.count_nonzero(plane))


def _hull_image(plane: np.ndarray) -> np.ndarray:
    from skimage.morphology import convex_hull_image

    return convex_hull_image(plane) if plane.any() else np.zeros(plane.shape, bool)


def _moments(body: np.ndarray, zsum: np.ndarray) -> dict[str, float]:
    found = {}
    heights = np.arange(len(body), dtype=float)
    weighted = [(f"{i}_v", np.tensordot(heights**i, body, 1)) for i in range(3)]
    for name, image in [*weighted, ("_zsum", zsum)]:
        total = image.sum()
        rows, columns = np.arange(image.shape[0]), np.arange(image.shape[1])
        # A body in plane 0 alone has no weight but that of power 0.
        found[f"moment_cr{name}"] = (image.sum(axis=0) @ columns) / total if total else math.nan
        found[f"moment_cc{name}"] = (image.sum(axis=1) @ rows) / total if total else math.nan
    return found


def _inertia_eigenvalues(body: np.ndarray) -> np.ndarray:
    """Eigenvalues of the inertia tensor over the volume, largest first (scikit-image)."""
    points = np.argwhere(body)
    off = points - points.mean(axis=0)
    moments = off.T @ off / len(off)
    eigenvalues = np.linalg.eigvalsh(np.trace(moments) * np.eye(3) - moments)
    return np.clip(eigenvalues, 0, None)[::-1]


def _cooccurrence(image: np.ndarray) -> tuple[float, float]:
    """Dissimilarity and correlation of grey values 5 pixels apart along X, symmetric."""
    from skimage.feature import graycomatrix, graycoprops

    table = graycomatrix(
        image.astype(np.uint8), distances=[5], angles=[0], levels=256, symmetric=True, normed=True
    )
    return tuple(  # type: ignore[return-value]
        float(graycoprops(table, kind)[0, 0]) for kind in ("dissimilarity", "correlation")
    )
