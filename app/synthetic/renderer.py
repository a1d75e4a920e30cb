"""Pictures of the arm by PyBullet's software renderer, laid over the room."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from app.opencv import cv2
from app.synthetic.look import Look, background, skin_texture
from app.synthetic.surface import ArmSurface, Mesh, vertex_normals
from models.hand_model import HandModel

NEAR_M, FAR_M = 0.05, 5.0
_FRAMES_PER_CLIENT = 200  # PyBullet keeps about 0.8 MB of every mesh until its client is closed
_MARGIN_PX = 6
_TILE_PX = 32  # renders a window of the picture in steps of this: the renderer's cost is per pixel
_TO_OPENGL = np.array([1.0, -1.0, -1.0])  # x right, y up, z to the camera


@dataclass(frozen=True)
class Prop:
    """A thing beside the hand, in it or before it.

    Attributes:
        vertices_m: (V,3) camera frame, metres.
        faces: (F,3) triangles, counter-clockwise from outside.
        rgb: its colour, 0–1.
    """

    vertices_m: np.ndarray
    faces: np.ndarray
    rgb: tuple[float, float, float]


class ArmRenderer:
    """Renders one look; a context manager, as it holds a physics client and a texture file.

    Args:
        look: what everything looks like.
        model: the hand.
        room: (height,width,3) uint8 BGR picture behind the arm; None draws the look's own.
    """

    def __init__(self, look: Look, model: HandModel, room: np.ndarray | None = None) -> None:
        self._look = look
        self._surface = ArmSurface(model)
        self._room = background(look) if room is None else room
        self._folder = tempfile.TemporaryDirectory(prefix="posehand-")
        self._texture_path = Path(self._folder.name) / "skin.png"
        ok, png = cv2.imencode(".png", skin_texture(look))
        if not ok:
            raise RuntimeError("OpenCV could not encode the skin texture as PNG.")
        self._texture_path.write_bytes(png.tobytes())
        self._client: int | None = None
        self._texture = -1
        self._rendered = 0

    def __enter__(self) -> ArmRenderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the client and its memory back; safe to call twice."""
        if self._client is not None:
            pybullet = _pybullet()
            with contextlib.suppress(pybullet.error):
                pybullet.disconnect(self._client)
            self._client = None
        self._folder.cleanup()

    def render(
        self,
        index: int,
        rotations: np.ndarray,
        wrist_m: np.ndarray,
        forearm: np.ndarray,
        props: Sequence[Prop] = (),
    ) -> np.ndarray:
        """One picture.

        Args:
            index: of the frame; seeds the sensor noise, so that a frame does not depend on who rendered it.
            rotations: (16,3,3), wrist_m: (3,), forearm: (3,3), as in `routine.Motion`.
            props: things in the picture besides the arm.

        Returns:
            (height,width,3) uint8 BGR.
        """
        skin, sleeve = self._surface.vertices(rotations, wrist_m, forearm)
        image = self._room.copy()
        window = self._window(np.concatenate([skin, sleeve, *(prop.vertices_m for prop in props)]))
        if window is not None:
            x, y, w, h = window
            arm, mask = self._draw(skin, sleeve, props, window)
            alpha = np.minimum(cv2.blur(mask, (3, 3)), mask)[..., None]
            part = image[y : y + h, x : x + w]
            part[:] = (alpha * arm + (1.0 - alpha) * part).astype(np.uint8)
        return self._as_a_webcam(image, index)

    def _window(self, points_m: np.ndarray) -> tuple[int, int, int, int] | None:
        """The part of the picture (x, y, w, h) that shows the points, in whole tiles; None if none does."""
        width, height = self._look.camera.size_px
        in_front = points_m[points_m[:, 2] > NEAR_M]
        if not len(in_front):
            return None
        pixels = self._look.camera.project(in_front)
        low = np.floor((pixels.min(axis=0) - _MARGIN_PX) / _TILE_PX) * _TILE_PX
        high = np.ceil((pixels.max(axis=0) + _MARGIN_PX) / _TILE_PX) * _TILE_PX
        x0, y0 = np.clip(low, 0, (width, height)).astype(int)
        x1, y1 = np.clip(high, 0, (width, height)).astype(int)
        return (x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None

    def _draw(
        self,
        skin: np.ndarray,
        sleeve: np.ndarray,
        props: Sequence[Prop],
        window: tuple[int, int, int, int],
    ) -> tuple[np.ndarray, np.ndarray]:
        """The arm (h,w,3) BGR in a window of the picture and where it is, (h,w) float32 0–1."""
        pybullet = _pybullet()
        client = self._fresh_client()
        look = self._look
        x, y, w, h = window
        bodies = [
            self._body(client, 0, skin, self._surface.skin, (1.0, 1.0, 1.0)),
            self._body(client, 1, sleeve, self._surface.sleeve, tuple(c / 255.0 for c in look.sleeve)),
        ]
        for slot, prop in enumerate(props, start=2):
            mesh = Mesh(prop.faces, np.zeros((len(prop.vertices_m), 2)))
            bodies.append(self._body(client, slot, prop.vertices_m, mesh, prop.rgb))
        pybullet.changeVisualShape(bodies[0], -1, textureUniqueId=self._texture, physicsClientId=client)
        _, _, rgba, _, segmentation = pybullet.getCameraImage(
            w, h,
            viewMatrix=np.eye(4).ravel().tolist(),
            projectionMatrix=self._projection(x, y, w, h),
            lightDirection=list(look.light), lightColor=[1.0, 1.0, 1.0], lightDistance=2.0, shadow=0,
            lightAmbientCoeff=look.ambient, lightDiffuseCoeff=look.diffuse, lightSpecularCoeff=0.06,
            renderer=pybullet.ER_TINY_RENDERER, physicsClientId=client,
        )  # fmt: skip
        for body in bodies:
            pybullet.removeBody(body, physicsClientId=client)
        self._rendered += 1
        picture = np.asarray(rgba, dtype=np.uint8).reshape(h, w, 4)[..., 2::-1]
        mask = (np.asarray(segmentation).reshape(h, w) >= 0).astype(np.float32)
        return picture, mask

    def _projection(self, x: int, y: int, w: int, h: int) -> list[float]:
        """OpenGL's matrix, by columns, of the camera's window."""
        camera = self._look.camera
        cx, cy = camera.centre_px[0] - x, camera.centre_px[1] - y
        f, depth = camera.focal_px, FAR_M - NEAR_M
        return [
            2.0 * f / w, 0.0, 0.0, 0.0,
            0.0, 2.0 * f / h, 0.0, 0.0,
            1.0 - 2.0 * cx / w, 2.0 * cy / h - 1.0, -(FAR_M + NEAR_M) / depth, -1.0,
            0.0, 0.0, -2.0 * FAR_M * NEAR_M / depth, 0.0,
        ]  # fmt: skip

    def _body(self, client: int, slot: int, vertices: np.ndarray, mesh: Mesh, rgb: tuple[float, ...]) -> int:
        """Add one mesh to the client; meshes that change from picture to picture keep their slot."""
        pybullet = _pybullet()
        points = vertices * _TO_OPENGL
        lists = _lists_of(slot, mesh)
        lists.fill(points, vertex_normals(points, mesh.faces), mesh.uv)
        shape = pybullet.createVisualShape(
            pybullet.GEOM_MESH,
            vertices=lists.vertices,
            indices=lists.indices,
            uvs=lists.uvs,
            normals=lists.normals,
            rgbaColor=[*rgb, 1.0],
            physicsClientId=client,
        )
        return int(pybullet.createMultiBody(0, baseVisualShapeIndex=shape, physicsClientId=client))

    def _fresh_client(self) -> int:
        pybullet = _pybullet()
        if self._client is not None and self._rendered % _FRAMES_PER_CLIENT == 0:
            pybullet.disconnect(self._client)
            self._client = None
        if self._client is None:
            self._client = int(pybullet.connect(pybullet.DIRECT))
            self._texture = pybullet.loadTexture(str(self._texture_path), physicsClientId=self._client)
        return self._client

    def _as_a_webcam(self, image: np.ndarray, index: int) -> np.ndarray:
        """Lens softness and sensor noise."""
        soft = cv2.GaussianBlur(image, (0, 0), 0.6)
        rng = np.random.default_rng([self._look.room_seed, 4, index])
        # Drawing a field of noise costs more than rendering; a random crop of a fixed one does as well.
        x, y = rng.integers(0, _NOISE_SPARE_PX, size=2)
        height, width = image.shape[:2]
        noise = _noise_field(height, width)[y : y + height, x : x + width] * np.float32(self._look.noise)
        return np.clip(soft + noise, 0, 255).astype(np.uint8)


class _MeshLists:
    """A mesh as the lists that PyBullet takes.

    PyBullet never lets go of a list it was given, 1 MB for a hand: the same lists are given again, with new
    numbers in them, by other renderers too.
    """

    def __init__(self, mesh: Mesh) -> None:
        self.indices: list[int] = mesh.faces.ravel().tolist()
        self.vertices = [[0.0, 0.0, 0.0] for _ in mesh.uv]
        self.normals = [[0.0, 0.0, 0.0] for _ in mesh.uv]
        self.uvs = [[0.0, 0.0] for _ in mesh.uv]

    def fill(self, vertices: np.ndarray, normals: np.ndarray, uv: np.ndarray) -> None:
        """Put new numbers in: (V,3), (V,3) and (V,2)."""
        for kept, values in ((self.vertices, vertices), (self.normals, normals), (self.uvs, uv)):
            for row, value in zip(kept, values.tolist(), strict=True):
                row[:] = value


_kept = threading.local()  # a mesh in the making is one thread's own


def _lists_of(slot: int, mesh: Mesh) -> _MeshLists:
    """Those that this thread gave for such faces in that slot before, if it did."""
    if not hasattr(_kept, "lists"):
        _kept.lists = {}
    key = (slot, mesh.faces.tobytes(), len(mesh.uv))
    if key not in _kept.lists:
        _kept.lists[key] = _MeshLists(mesh)
    lists: _MeshLists = _kept.lists[key]
    return lists


@functools.cache
def _pybullet() -> Any:
    """The module; importing it prints a line to stderr from C, which would tear the progress bar."""
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # no stderr, as under pythonw
        return importlib.import_module("pybullet")
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        return importlib.import_module("pybullet")
    finally:
        os.dup2(kept, 2)
        os.close(kept)


_NOISE_SPARE_PX = 128
_noise_fields: dict[tuple[int, int], np.ndarray] = {}


def _noise_field(height: int, width: int) -> np.ndarray:
    if (height, width) not in _noise_fields:
        rng = np.random.default_rng(5)
        shape = (height + _NOISE_SPARE_PX, width + _NOISE_SPARE_PX, 3)
        _noise_fields[height, width] = rng.normal(size=shape).astype(np.float32)
    return _noise_fields[height, width]
