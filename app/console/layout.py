"""Where everything stands in the window, for any size."""

from __future__ import annotations

from dataclasses import dataclass

BASE_WIDTH, BASE_HEIGHT = 1280, 720


@dataclass(frozen=True)
class Box:
    """A rectangle, pixels of the window."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    def inset(self, margin: float) -> Box:
        """The box without a margin all around."""
        return Box(self.x + margin, self.y + margin, self.width - 2 * margin, self.height - 2 * margin)

    def rows(self, count: int, gap: float) -> list[Box]:
        """Cut into `count` equal rows, top to bottom."""
        height = (self.height - (count - 1) * gap) / count
        return [Box(self.x, self.y + i * (height + gap), self.width, height) for i in range(count)]

    def columns(self, count: int, gap: float) -> list[Box]:
        """Cut into `count` equal columns, left to right."""
        width = (self.width - (count - 1) * gap) / count
        return [Box(self.x + i * (width + gap), self.y, width, self.height) for i in range(count)]


@dataclass(frozen=True)
class Layout:
    """The console's regions.

    Attributes:
        unit: pixels of one unit; 720 units are the height of the window, or less where it is narrow.
        source, robot_mode: the two states.
        arm, stop: the buttons.
        booth_stop: the stop on a booth's page.
        camera, robot, hand: pictures of what is seen, of the robot, and of the hand in space.
        tall_camera, humanoid: the pictures where a body alone is followed.
        joints, latency: plots.
        guide: of a calibration, over all but the camera's image and the joints.
        footer: rates, recording, keys.
    """

    unit: float
    source: Box
    robot_mode: Box
    arm: Box
    stop: Box
    booth_stop: Box
    camera: Box
    tall_camera: Box
    robot: Box
    humanoid: Box
    hand: Box
    joints: Box
    latency: Box
    guide: Box
    footer: Box


def lay_out(width: float, height: float) -> Layout:
    """The layout of a window of this size, pixels."""
    u = min(width / BASE_WIDTH, height / BASE_HEIGHT)
    gap = 10 * u
    # A share of the height, to be read from afar, as long as the longest word has the width for it.
    header_y, header_height = gap, max(98 * u, min(0.1362 * height, 0.0852 * width))
    inner = width - 5 * gap
    state_width, arm_width = 0.295 * inner, 0.18 * inner
    source = Box(gap, header_y, state_width, header_height)
    robot_mode = Box(source.right + gap, header_y, state_width, header_height)
    arm = Box(robot_mode.right + gap, header_y, arm_width, header_height)
    stop = Box(arm.right + gap, header_y, width - gap - arm.right - gap, header_height)
    booth_stop = Box(width - 150 * u, 20 * u, 130 * u, 76 * u)
    footer_height = 30 * u
    footer = Box(gap, height - footer_height - 0.4 * gap, width - 2 * gap, footer_height)
    top = header_y + header_height + gap
    body = footer.y - 0.4 * gap - top - gap
    plots_height = max(196 * u, 0.34 * body)
    pictures_height = body - plots_height
    inner = width - 4 * gap
    hand_width = 0.2 * inner
    robot_width = min(pictures_height, 0.3 * inner)
    camera_width = inner - hand_width - robot_width
    camera = Box(gap, top, camera_width, pictures_height)
    robot = Box(camera.right + gap, top, robot_width, pictures_height)
    hand = Box(robot.right + gap, top, hand_width, pictures_height)
    plots_y = top + pictures_height + gap
    joints = Box(gap, plots_y, camera_width, plots_height)
    latency = Box(camera.right + gap, plots_y, hand.right - camera.right - gap, plots_height)
    guide = Box(robot.x, top, latency.width, latency.bottom - top)
    tall_camera = Box(camera.x, camera.y, camera.width, joints.bottom - camera.y)
    humanoid = Box(robot.x, top, latency.width, pictures_height)
    return Layout(
        unit=u,
        source=source,
        robot_mode=robot_mode,
        arm=arm,
        stop=stop,
        booth_stop=booth_stop,
        camera=camera,
        tall_camera=tall_camera,
        robot=robot,
        humanoid=humanoid,
        hand=hand,
        joints=joints,
        latency=latency,
        guide=guide,
        footer=footer,
    )
