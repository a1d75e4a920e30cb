"""A robot's kinematic tree, read from any URDF into flat arrays."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np

from retarget.errors import RetargetError

FIXED, REVOLUTE, PRISMATIC = 0, 1, 2
_JOINT_TYPES = {"fixed": FIXED, "revolute": REVOLUTE, "continuous": REVOLUTE, "prismatic": PRISMATIC}
_SIZES = {"box": 3, "cylinder": 2, "sphere": 1}  # how many numbers each takes

# The six joints under a free base, in dex-retargeting's names and order.
FREE_BASE_JOINTS = tuple(
    f"dummy_{axis}_{kind}_joint" for kind in ("translation", "rotation") for axis in ("x", "y", "z")
)


@dataclass(frozen=True)
class Primitive:
    """One collision shape that is no mesh.

    Attributes:
        link: name of the link it belongs to.
        kind: "box", "cylinder" or "sphere".
        size_m: (x, y, z) of a box, (radius, length along z) of a cylinder, (radius,) of a sphere.
        pose: (4,4) in the link's frame.
    """

    link: str
    kind: str
    size_m: tuple[float, ...]
    pose: np.ndarray


@dataclass(frozen=True)
class RobotTree:
    """Links in topological order (a parent always precedes its children), each with the joint above it.

    Attributes:
        path: the URDF it was read from.
        link_names: L names; the first is the root.
        parent: (L,) int, index of the parent link, −1 for the root.
        joint_type: (L,) int, FIXED, REVOLUTE or PRISMATIC, of the joint above each link.
        origin: (L,4,4) pose of that joint in the parent link, metres.
        axis: (L,3) unit axis in the joint's frame.
        source: (L,) int, which independent joint drives it, −1 for none (fixed joints, the root).
        multiplier, offset: (L,) joint value = multiplier · q[source] + offset (1 and 0 unless it mimics).
        joint_names: n independent (moving, not mimicking) joints, in the order of the file.
        lower_rad, upper_rad: (n,) their limits, rad or metres; −inf and inf where neither is given.
        shapes: the collision shapes that are no meshes.
        moving_joints: m joints that move, mimics included, in the order of their links.
    """

    path: Path
    link_names: tuple[str, ...]
    parent: np.ndarray
    joint_type: np.ndarray
    origin: np.ndarray
    axis: np.ndarray
    source: np.ndarray
    multiplier: np.ndarray
    offset: np.ndarray
    joint_names: tuple[str, ...]
    lower_rad: np.ndarray
    upper_rad: np.ndarray
    shapes: tuple[Primitive, ...] = ()
    moving_joints: tuple[str, ...] = ()

    def expand(self, q_rad: np.ndarray) -> np.ndarray:
        """Values (m,) of `moving_joints`, mimics included, for q_rad (n,) of the independent ones."""
        moving = np.flatnonzero(self.joint_type != FIXED)
        return np.asarray(self.multiplier[moving] * q_rad[self.source[moving]] + self.offset[moving])

    def link_index(self, name: str) -> int:
        """Index of a link by name; an unknown name raises RetargetError with the legal ones."""
        if name not in self.link_names:
            raise RetargetError(
                f"{self.path.name} has no link {name!r}; use one of: {', '.join(self.link_names)}."
            )
        return self.link_names.index(name)

    def joint_index(self, name: str) -> int:
        """Index of an independent joint by name; an unknown name raises RetargetError with the legal ones."""
        if name not in self.joint_names:
            raise RetargetError(
                f"{self.path.name} has no independent joint {name!r}; "
                f"use one of: {', '.join(self.joint_names)}."
            )
        return self.joint_names.index(name)


def read_urdf(path: str | Path, free_base: bool = False, ignore_mimic: bool = False) -> RobotTree:
    """Read the kinematics and simple collision shapes of a URDF; meshes are neither needed nor opened.

    Args:
        path: the URDF file: any tree of fixed, revolute, continuous, prismatic and mimic joints.
        free_base: put FREE_BASE_JOINTS under the root, so that the whole robot may move.
        ignore_mimic: let joints that mimic another move by themselves.

    Raises:
        RetargetError: the file is missing, is no URDF, or its joints do not form one tree.
    """
    path = Path(path)
    joints, links, shapes = _parse(path)
    if ignore_mimic:
        for joint in joints:
            joint.mimic = None
    if free_base:
        joints, links = _free_base(path, joints, links)
    above = {joint.child: joint for joint in joints}
    order = _topological_order(path, links, joints, above)
    sources = _resolve_mimics(path, joints)
    independent = [j for j in joints if j.mimic is None and _JOINT_TYPES[j.type] != FIXED]
    rank = {joint.name: i for i, joint in enumerate(independent)}

    count = len(order)
    parent = np.full(count, -1, np.int64)
    joint_type = np.full(count, FIXED, np.int64)
    origin = np.tile(np.eye(4), (count, 1, 1))
    axis = np.tile(np.array([1.0, 0.0, 0.0]), (count, 1))
    source = np.full(count, -1, np.int64)
    multiplier, offset = np.ones(count), np.zeros(count)
    position = {name: i for i, name in enumerate(order)}
    for i, name in enumerate(order):
        joint = above.get(name)
        if joint is None:
            continue
        parent[i] = position[joint.parent]
        joint_type[i] = _JOINT_TYPES[joint.type]
        if joint.origin is not None:
            origin[i] = joint.origin
        if joint_type[i] != FIXED:
            axis[i] = _unit_axis(path, joint)
            driver, multiplier[i], offset[i] = sources[joint.name]
            source[i] = rank[driver]
    limits = np.array([_limits(path, j) for j in independent]).reshape(-1, 2)
    _respect_followers(path, joints, sources, rank, limits)
    return RobotTree(
        path=path,
        link_names=tuple(order),
        parent=parent,
        joint_type=joint_type,
        origin=origin,
        axis=axis,
        source=source,
        multiplier=multiplier,
        offset=offset,
        joint_names=tuple(rank),
        lower_rad=limits[:, 0].copy(),
        upper_rad=limits[:, 1].copy(),
        shapes=shapes,
        moving_joints=tuple(
            above[name].name for name in order if name in above and _JOINT_TYPES[above[name].type] != FIXED
        ),
    )


def _parse(path: Path) -> tuple[list[Any], list[str], tuple[Primitive, ...]]:
    import yourdfpy  # costs half a second, so it is imported only when a robot is really read

    if not path.is_file():
        raise RetargetError(f"There is no robot description at {path}; give the path of a URDF file.")
    try:
        # yourdfpy would go on with whatever it could read of a truncated file, or of an encoding new to it.
        text = io.BytesIO(ElementTree.tostring(ElementTree.parse(path).getroot()))
        robot = yourdfpy.URDF.load(text, build_scene_graph=False, load_meshes=False).robot
    except Exception as error:  # yourdfpy lets XML, attribute and value errors of many types through
        raise RetargetError(f"{path} is not a readable URDF ({error}); check the file.") from error
    joints = robot.joints
    for kind, parts in (("joint", joints), ("link", robot.links)):
        names = [part.name for part in parts]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise RetargetError(
                f"{path.name}: {kind} {repeated[0]!r} is there twice; give every {kind} its own name."
            )
    for joint in joints:
        if joint.origin is not None and not np.isfinite(joint.origin).all():
            raise RetargetError(f"{path.name}: the origin of joint {joint.name!r} is not finite; correct it.")
        if joint.type not in _JOINT_TYPES:
            raise RetargetError(
                f"{path.name}: joint {joint.name!r} is of type {joint.type!r}; "
                f"legal are: {', '.join(_JOINT_TYPES)}."
            )
    shapes = tuple(_shapes(robot.links))
    for shape in shapes:
        sizes = np.array(shape.size_m)
        sound = sizes.shape == (_SIZES[shape.kind],) and np.isfinite(sizes).all() and (sizes > 0.0).all()
        if not (sound and np.isfinite(shape.pose).all()):
            raise RetargetError(
                f"{path.name}: link {shape.link!r} has a {shape.kind} of the size {list(shape.size_m)}; "
                f"every size must be greater than 0, and a {shape.kind} has {_SIZES[shape.kind]}."
            )
    return joints, [link.name for link in robot.links], shapes


def _shapes(links: list[Any]) -> Iterator[Primitive]:
    for link in links:
        for collision in link.collisions:
            geometry = collision.geometry
            if geometry is None:
                continue
            pose = np.eye(4) if collision.origin is None else np.asarray(collision.origin, float)
            if geometry.box is not None:
                yield Primitive(link.name, "box", tuple(float(x) for x in geometry.box.size), pose)
            elif geometry.cylinder is not None:
                size = float(geometry.cylinder.radius), float(geometry.cylinder.length)
                yield Primitive(link.name, "cylinder", size, pose)
            elif geometry.sphere is not None:
                yield Primitive(link.name, "sphere", (float(geometry.sphere.radius),), pose)


def _free_base(path: Path, joints: list[Any], links: list[str]) -> tuple[list[Any], list[str]]:
    children = {joint.child for joint in joints}
    roots = [name for name in links if name not in children]
    if len(roots) != 1:
        return joints, links  # the tree check that follows explains it
    moving = [f"dummy_link_{i}" for i in range(len(FREE_BASE_JOINTS))] + roots
    clash = (set(FREE_BASE_JOINTS) & {joint.name for joint in joints}) | (set(moving[:-1]) & set(links))
    if clash:
        raise RetargetError(
            f"{path.name} already has {', '.join(sorted(clash))}; set add_dummy_free_joint to false."
        )
    added = [
        SimpleNamespace(
            name=name,
            type="prismatic" if "translation" in name else "continuous",
            parent=moving[i],
            child=moving[i + 1],
            origin=None,
            axis=np.eye(3)[i % 3],
            mimic=None,
            limit=None,
        )
        for i, name in enumerate(FREE_BASE_JOINTS)
    ]
    return [*added, *joints], [*moving[:-1], *links]


def _topological_order(path: Path, links: list[str], joints: list[Any], above: dict[str, Any]) -> list[str]:
    children: dict[str, list[str]] = {name: [] for name in links}
    for joint in joints:
        for end in (joint.parent, joint.child):
            if end not in children:
                raise RetargetError(
                    f"{path.name}: joint {joint.name!r} names the link {end!r}, which the file lacks; "
                    f"it has: {', '.join(links)}."
                )
        children[joint.parent].append(joint.child)
    roots = [name for name in links if name not in above]
    if len(roots) != 1 or len(above) != len(joints):
        raise RetargetError(
            f"{path.name}: the links must form one tree with one root, but the roots are "
            f"{', '.join(roots) or 'none'}; connect every other link by exactly one joint."
        )
    order: list[str] = []
    stack = [roots[0]]
    while stack:
        name = stack.pop()
        order.append(name)
        stack.extend(reversed(children[name]))
    if len(order) != len(links):
        loose = sorted(set(links) - set(order))
        raise RetargetError(f"{path.name}: links {', '.join(loose)} form a loop; a URDF must be a tree.")
    return order


def _resolve_mimics(path: Path, joints: list[Any]) -> dict[str, tuple[str, float, float]]:
    """For each moving joint, the independent joint behind it, multiplier and offset (mimics may chain)."""
    by_name = {joint.name: joint for joint in joints if _JOINT_TYPES[joint.type] != FIXED}
    resolved = {}
    for name in by_name:
        driver, multiplier, offset, seen = name, 1.0, 0.0, {name}
        while by_name[driver].mimic is not None:
            mimic = by_name[driver].mimic
            if mimic.joint not in by_name or mimic.joint in seen:
                legal = ", ".join(other for other in by_name if other not in seen)
                raise RetargetError(
                    f"{path.name}: joint {driver!r} mimics {mimic.joint!r}, which is no other moving joint; "
                    f"legal are: {legal}."
                )
            own_multiplier = 1.0 if mimic.multiplier is None else mimic.multiplier
            own_offset = 0.0 if mimic.offset is None else mimic.offset
            offset += multiplier * own_offset
            multiplier *= own_multiplier
            if not np.isfinite([multiplier, offset]).all():
                raise RetargetError(
                    f"{path.name}: joint {driver!r} mimics {mimic.joint!r} by {own_multiplier} times it "
                    f"plus {own_offset}; give a finite multiplier and offset."
                )
            driver = mimic.joint
            seen.add(driver)
        resolved[name] = (driver, multiplier, offset)
    return resolved


def _respect_followers(
    path: Path,
    joints: list[Any],
    sources: dict[str, tuple[str, float, float]],
    rank: dict[str, int],
    limits: np.ndarray,
) -> None:
    """Narrow the limits (n,2) of joints that others mimic to what these allow, in place.

    A follower whose limits would leave its driver less than half of its range is taken for a slip in the
    file, and is not heeded.
    """
    for joint in joints:
        if joint.mimic is None or _JOINT_TYPES[joint.type] == FIXED:
            continue
        driver, multiplier, offset = sources[joint.name]
        if multiplier == 0.0:
            continue
        ends = sorted((end - offset) / multiplier for end in _limits(path, joint))
        lower, upper = limits[rank[driver]]
        narrow = max(lower, ends[0]), min(upper, ends[1])
        if narrow[1] - narrow[0] >= 0.5 * (upper - lower) or not np.isfinite(upper - lower):
            limits[rank[driver]] = narrow if narrow[0] <= narrow[1] else (lower, upper)


def _unit_axis(path: Path, joint: Any) -> np.ndarray:
    axis = np.array([1.0, 0.0, 0.0]) if joint.axis is None else np.asarray(joint.axis, float)
    length = np.linalg.norm(axis)
    if axis.shape != (3,) or not np.isfinite(length) or length < 1e-9:
        raise RetargetError(
            f"{path.name}: joint {joint.name!r} has the axis {axis.tolist()}; "
            "give it a direction of three numbers."
        )
    return axis / length


def _limits(path: Path, joint: Any) -> tuple[float, float]:
    limit = joint.limit
    if joint.type == "continuous" or limit is None or (limit.lower is None and limit.upper is None):
        return -np.inf, np.inf
    # URDF's default for the one that is left out.
    lower, upper = (0.0 if end is None else float(end) for end in (limit.lower, limit.upper))
    if not lower <= upper:
        raise RetargetError(
            f"{path.name}: joint {joint.name!r} has the limits {lower} … {upper}; "
            "the lower one must not exceed the upper, and one that is left out is 0."
        )
    return lower, upper
