"""Triangles for the primitive shapes; their normals round the edges, so that a box looks machined."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from robot.allegro_shapes import Shape

_BEVEL_M = 0.0011
_SEGMENTS = 24
_RINGS = 14


@dataclass(frozen=True)
class Mesh:
    """Triangles in one frame.

    Attributes:
        vertices_m: (v,3) float64.
        normals: (v,3) float64, unit, outward; shading interpolates them.
        triangles: (t,3) int32, counter-clockwise seen from outside.
    """

    vertices_m: np.ndarray
    normals: np.ndarray
    triangles: np.ndarray


def mesh_of(shape: Shape) -> Mesh:
    """The mesh of `shape` in its own frame, centred at the origin."""
    if shape.kind == "box":
        return _box(np.array(shape.size_m))
    if shape.kind == "cylinder":
        return _cylinder(*shape.size_m)
    return _sphere(*shape.size_m)


def _outward(vertices: np.ndarray, normals: np.ndarray, triangles: list[tuple[int, ...]]) -> Mesh:
    """A mesh whose triangles are turned to face along their normals."""
    indices = np.array(triangles, dtype=np.int32)
    a, b, c = (vertices[indices[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    flipped = np.einsum("ij,ij->i", face, normals[indices].mean(axis=1)) < 0.0
    indices[flipped] = indices[flipped][:, ::-1]
    keep = np.linalg.norm(face, axis=1) > 1e-12
    return Mesh(vertices, normals, np.ascontiguousarray(indices[keep]))


def _box(size_m: np.ndarray) -> Mesh:
    """A box with chamfered edges; every corner exists three times, once for each face that meets there."""
    half = size_m / 2.0
    bevel = min(_BEVEL_M, 0.3 * float(size_m.min()))
    vertices: list[np.ndarray] = []
    normals: list[np.ndarray] = []
    number: dict[tuple[tuple[int, ...], int], int] = {}
    corners = list(product((-1, 1), repeat=3))
    for corner in corners:
        for axis in range(3):
            number[corner, axis] = len(vertices)
            inset = half - bevel
            inset[axis] = half[axis]
            vertices.append(np.array(corner) * inset)
            normals.append(np.eye(3)[axis] * corner[axis])
    triangles: list[tuple[int, ...]] = []
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        for side in (-1, 1):
            loop = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
            quad = [number[_corner(axis, side, u, a, v, b), axis] for a, b in loop]
            triangles += [(quad[0], quad[1], quad[2]), (quad[0], quad[2], quad[3])]
        for a, b in product((-1, 1), repeat=2):  # the edge along `axis` between the faces of u and v
            low, high = _corner(axis, -1, u, a, v, b), _corner(axis, 1, u, a, v, b)
            quad = [number[low, u], number[high, u], number[high, v], number[low, v]]
            triangles += [(quad[0], quad[1], quad[2]), (quad[0], quad[2], quad[3])]
    triangles += [(number[corner, 0], number[corner, 1], number[corner, 2]) for corner in corners]
    return _outward(np.array(vertices), np.array(normals), triangles)


def _corner(axis: int, side: int, u: int, a: int, v: int, b: int) -> tuple[int, ...]:
    signs = [0, 0, 0]
    signs[axis], signs[u], signs[v] = side, a, b
    return tuple(signs)


def _cylinder(radius_m: float, length_m: float) -> Mesh:
    """A cylinder along z with chamfered rims."""
    bevel = min(_BEVEL_M, 0.3 * radius_m, 0.3 * length_m)
    around = 2.0 * np.pi * np.arange(_SEGMENTS) / _SEGMENTS
    circle = np.stack([np.cos(around), np.sin(around), np.zeros(_SEGMENTS)], axis=1)
    up = np.array([0.0, 0.0, 1.0])
    half = length_m / 2.0
    rings = [  # from the bottom cap's rim over the side to the top cap's rim
        ((radius_m - bevel) * circle - half * up, np.tile(-up, (_SEGMENTS, 1))),
        (radius_m * circle - (half - bevel) * up, circle),
        (radius_m * circle + (half - bevel) * up, circle),
        ((radius_m - bevel) * circle + half * up, np.tile(up, (_SEGMENTS, 1))),
    ]
    triangles = _bands(len(rings), _SEGMENTS)
    for start in (0, 3 * _SEGMENTS):
        triangles += [(start, start + k, start + k + 1) for k in range(1, _SEGMENTS - 1)]
    vertices, normals = (np.concatenate([ring[k] for ring in rings]) for k in range(2))
    return _outward(vertices, normals, triangles)


def _sphere(radius_m: float) -> Mesh:
    polar = np.pi * np.arange(_RINGS + 1) / _RINGS
    around = 2.0 * np.pi * np.arange(_SEGMENTS) / _SEGMENTS
    theta, phi = np.meshgrid(polar, around, indexing="ij")
    normals = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=-1)
    normals = normals.reshape(-1, 3)
    return _outward(radius_m * normals, normals, _bands(_RINGS + 1, _SEGMENTS))


def _bands(rings: int, segments: int) -> list[tuple[int, ...]]:
    """Triangles between neighbouring closed rings of vertices."""
    triangles: list[tuple[int, ...]] = []
    for ring in range(rings - 1):
        for k in range(segments):
            a, b = ring * segments + k, ring * segments + (k + 1) % segments
            c, d = a + segments, b + segments
            triangles += [(a, b, d), (a, d, c)]
    return triangles
