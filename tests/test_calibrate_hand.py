"""`calibrate hand` on rendered people of known size, through detector, temporal stage and retargeter."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.bench.operator import bone_errors, extreme_shapes
from app.calibrate.hand import MEAN_SEEN_M, run_hand
from app.calibrate.hand_report import TOUCHING_MM, robot_poses
from app.calibrate.hand_session import InstructionLines, Seen, see_poses
from app.calibrate.hand_settings import CalibrateHandSettings, check_settings
from app.detector import HandDetector
from app.errors import AppError, CancelledError, UsageError
from app.frame import Frame
from app.operator_retargeting import load_retargeter
from app.run_camera import RunCamera
from app.sources.base import EndOfSource
from app.sources.video import VideoSource
from app.synthetic.clip import Scene
from app.synthetic.renderer import ArmRenderer
from calibration.errors import CalibrationError
from calibration.hand_fit import fit_operator
from calibration.hand_guide import OPEN, STEPS, GuideState
from calibration.hand_shape import bone_lengths_m
from calibration.operator import load_operator
from models.hand_model import HandModel
from models.observation import Observation
from models.posebert_input import mean_bone_lengths
from models.temporal import load_temporal
from retarget import read_config
from retarget.errors import RetargetError
from tests.hand_examples import held_samples, seen_hand

EVERY = 3  # a camera with ten frames a second: rendering and detecting take most of the time


class Rendered:
    """A rendered person performing the calibration, frame by frame; mirrored, it is the left hand."""

    live = False
    frame_count = None
    status = ""
    name = "rendered"

    def __init__(self, shape: str, frames: int | None = None, mirrored: bool = False) -> None:
        look, model, self._motion = Scene(0, "calibrate", shape).build()
        self.model = model
        self.size_px = look.camera.size_px
        self.fps = self._motion.fps / EVERY
        self._renderer = ArmRenderer(look, model)
        self._count = len(self._motion.wrist_m) if frames is None else frames
        self._mirrored = mirrored
        self._next = 0
        self.closed = False

    def read(self, timeout_s: float) -> Frame:
        i, motion = self._next, self._motion
        if i >= self._count or self.closed:
            raise EndOfSource
        self._next += EVERY
        image = self._renderer.render(i, motion.rotations[i], motion.wrist_m[i], motion.forearm[i])
        image = np.ascontiguousarray(image[:, ::-1]) if self._mirrored else image
        return Frame(i // EVERY, round(i * 1e9 / motion.fps), image)

    def close(self) -> None:
        self.closed = True
        self._renderer.close()


class Recorder:
    """Keeps what a display is told."""

    patient = False

    def __init__(self, cancel_at: int | None = None) -> None:
        self.states: list[GuideState] = []
        self.notices: set[str] = set()
        self.images: list[np.ndarray] = []
        self.closed = False
        self._cancel_at = cancel_at

    @property
    def cancelled(self) -> bool:
        return self._cancel_at is not None and len(self.states) >= self._cancel_at

    def show(self, frame: Frame, observation: Observation, state: GuideState, notice: str) -> None:
        self.states.append(state)
        self.notices.add(notice)
        self.images.append(frame.image)

    def wait(self, notice: str) -> None:
        self.notices.add(notice)

    def close(self) -> None:
        self.closed = True


def settings_for(folder: Path, hand: str = "right") -> CalibrateHandSettings:
    return CalibrateHandSettings(
        "Anna", hand=hand, source="synthetic", realtime=False, headless=True, output=folder
    )


@pytest.mark.parametrize("which", [0, 1], ids=["smallest", "largest"])
def test_the_smallest_and_the_largest_person_pinch_the_robots_fingers_closed(
    which: int, hand_landmarker_asset: Path
) -> None:
    source = Rendered(extreme_shapes()[which])
    lines: list[str] = []
    with HandDetector(hand_landmarker_asset) as detector:
        temporal, camera = load_temporal("posebert"), RunCamera(source.size_px)
        seen = see_poses(source, detector, "right", temporal, InstructionLines(lines.append), camera)
    source.close()
    assert seen is not None
    assert list(seen.samples) == list(STEPS)
    assert [line[:3] for line in lines if line[1:2] == "/"] == [f"{i}/7" for i in range(1, 8)]
    mean_m = mean_bone_lengths(HandModel.load())
    calibration = fit_operator(
        "Anna", "right", "posebert", seen.samples, seen.detected_m, MEAN_SEEN_M, mean_m
    )
    before = robot_poses(load_retargeter("allegro_right"), seen.samples)
    after = robot_poses(load_retargeter("allegro_right", calibration), seen.samples)
    assert set(after.gaps_mm) == {"index", "middle", "ring"}
    for finger, gap_mm in after.gaps_mm.items():
        assert -1.0 < gap_mm <= TOUCHING_MM, (finger, gap_mm)
        assert after.held_percent[finger] == 100.0
    assert after.short_mm < 0.65 * before.short_mm
    # What is reached counts: the better the network, the less is left for a calibration to add.
    assert after.travel_mm > max(140.0, before.travel_mm)
    # What a camera alone cannot tell is the size; with a ruler's palm the bones follow.
    true_m = bone_lengths_m(source.model.keypoints(np.tile(np.eye(3), (16, 1, 1))))
    errors = bone_errors(calibration, true_m)
    assert abs(errors["palm_mm"] - 1e3 * mean_m[8]) < 5.0
    assert abs(errors["palm_mm"] - errors["true_palm_mm"]) > 8.0
    assert errors["measured_error_mm"] < 2.0
    assert errors["measured_worst_mm"] < 6.0


@pytest.fixture
def nothing_kept(tmp_path: Path) -> Iterator[Path]:
    """A folder with a calibration that a failure must leave alone."""
    (tmp_path / "Anna.json").write_text("kept", encoding="utf-8")
    yield tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["Anna.json"]
    assert (tmp_path / "Anna.json").read_text(encoding="utf-8") == "kept"


def test_an_end_before_all_poses_names_the_missing_one(
    nothing_kept: Path, hand_landmarker_asset: Path
) -> None:
    source, display = Rendered("adult_medium", frames=130), Recorder()
    with pytest.raises(CalibrationError, match="the fist was not seen; repeat"):
        run_hand(settings_for(nothing_kept), source=source, display=display)
    assert source.closed
    assert display.closed


def test_the_other_hand_is_told_apart(nothing_kept: Path, hand_landmarker_asset: Path) -> None:
    display = Recorder()
    source = Rendered("adult_medium", frames=60, mirrored=True)
    with pytest.raises(CalibrationError, match=r"only the left hand was shown.*--hand left"):
        run_hand(settings_for(nothing_kept), source=source, display=display)
    assert "That is your left hand; show the right one" in display.notices


def test_a_source_without_a_hand_says_so(
    nothing_kept: Path, small_video: Path, hand_landmarker_asset: Path
) -> None:
    with pytest.raises(CalibrationError, match="no hand was seen"):
        run_hand(settings_for(nothing_kept), source=VideoSource(small_video, realtime=False))


class FrozenCamera:
    """Gives one and the same image for four seconds, in which nothing else happens."""

    live, frame_count, status, name, fps, size_px = True, None, "", "camera", 30.0, (64, 48)

    def __init__(self) -> None:
        self._t_start_ns = time.monotonic_ns() - 4_000_000_000
        self._next = 0

    def read(self, timeout_s: float) -> Frame:
        index, self._next = self._next, self._next + 1
        if index >= 120:
            raise EndOfSource
        return Frame(index, self._t_start_ns + index * 33_000_000, np.full((48, 64, 3), 128, np.uint8))

    def close(self) -> None:
        pass


class FlatHandDetector:
    """Sees a flat hand in whatever it is shown."""

    other_hand_in_view = False

    def detect(self, frame: Frame) -> dict[str, Observation]:
        hand_m = seen_hand(OPEN)
        pixels = np.full((21, 2), 30.0) + 100.0 * hand_m[:, :2]
        return {"right": Observation(frame.t_capture_ns, "right", True, hand_m, pixels, (64, 48), 0.9)}


def test_a_pose_is_not_held_by_a_camera_that_froze() -> None:
    source, display = FrozenCamera(), Recorder()
    temporal, camera = load_temporal("none"), RunCamera(source.size_px)
    with pytest.raises(CalibrationError, match="the flat hand was not seen"):
        see_poses(source, FlatHandDetector(), "right", temporal, display, camera)
    assert max(state.index for state in display.states) == 0
    assert any("it is frozen" in notice for notice in display.notices)


def test_a_mirror_image_is_displayed_as_the_keypoints_on_it_are(
    nothing_kept: Path, hand_landmarker_asset: Path
) -> None:
    displays = []
    for mirror in (False, True):
        displays.append(Recorder())
        settings = replace(settings_for(nothing_kept), source="rendered.mp4", mirror=mirror)
        with pytest.raises(CalibrationError):
            run_hand(settings, source=Rendered("adult_medium", frames=2), display=displays[-1])
    plain, mirrored = (display.images[0] for display in displays)
    assert not np.array_equal(plain, plain[:, ::-1])
    np.testing.assert_array_equal(mirrored, plain[:, ::-1])


def test_who_keeps_it_elsewhere_is_told_where_teleop_looks(
    tmp_path: Path, small_video: Path, hand_landmarker_asset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    monkeypatch.setattr("app.calibrate.hand.operators_path", lambda: kept)
    monkeypatch.setattr(
        "app.calibrate.hand.see_poses", lambda *_: Seen(held_samples(), seen_hand(OPEN)[None])
    )
    monkeypatch.setattr("app.calibrate.hand.robot_poses", lambda *_: None)
    monkeypatch.setattr("app.calibrate.hand.compare", lambda *_: [])
    said = []
    for folder in (kept, tmp_path / "else where"):
        settings = replace(settings_for(folder), operator="Anna B")
        said.append(run_hand(settings, source=VideoSource(small_video, realtime=False))[-1])
    use = 'use it with: python launch.py teleop --operator "Anna B" --hand right'
    assert said == [use, f"move it to {kept}, then {use}"]


def test_cancelling_keeps_what_was_there(nothing_kept: Path, hand_landmarker_asset: Path) -> None:
    source, display = Rendered("adult_medium", 60), Recorder(cancel_at=5)
    with pytest.raises(CancelledError, match="cancelled; what was calibrated before stays as it is"):
        run_hand(settings_for(nothing_kept), source=source, display=display)


def test_a_missing_source_is_one_sentence(nothing_kept: Path) -> None:
    settings = CalibrateHandSettings("Anna", source="nowhere.mp4", output=nothing_kept, headless=True)
    with pytest.raises(AppError, match=r"there is no source 'nowhere.mp4'"):
        run_hand(settings)


def test_a_robot_hand_that_is_none_is_refused_before_anybody_poses(nothing_kept: Path) -> None:
    settings = CalibrateHandSettings("Anna", source="nowhere.mp4", output=nothing_kept, robot_hand="nohand")
    with pytest.raises(RetargetError, match="nohand"):
        run_hand(settings)


def test_a_robot_hand_without_pinches_is_refused_before_anybody_poses(nothing_kept: Path) -> None:
    hand = nothing_kept.parent / "vectors.yaml"
    hand.write_text(
        f"""retargeting:
  type: vector
  urdf_path: {read_config("allegro_right").urdf_path}
  target_origin_link_names: [wrist, wrist]
  target_task_link_names: [link_15.0_tip, link_3.0_tip]
  target_link_human_indices: [[0, 0], [4, 8]]
""",
        encoding="utf-8",
    )
    settings = CalibrateHandSettings("Anna", source="nowhere.mp4", output=nothing_kept, robot_hand=str(hand))
    with pytest.raises(UsageError, match="type vector, which knows no pinches to compare"):
        run_hand(settings)


def test_what_somebody_posed_for_is_kept_though_no_table_can_be_made_of_it(
    tmp_path: Path, small_video: Path, hand_landmarker_asset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError

    seen = Seen(held_samples(), seen_hand(OPEN)[None])
    monkeypatch.setattr("app.calibrate.hand.see_poses", lambda *_: seen)
    monkeypatch.setattr("app.calibrate.hand.robot_poses", fails)
    with pytest.raises(ZeroDivisionError):
        run_hand(settings_for(tmp_path), source=VideoSource(small_video, realtime=False))
    assert load_operator("Anna", folder=tmp_path).hand == "right"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"operator": "a/b"}, "--operator: the operator's name is 'a/b'"),
        ({"palm_mm": 9.0}, "--palm-mm is 9.0; give millimetres from 50 to 150"),
        ({"palm_mm": float("nan")}, "--palm-mm is nan"),
        ({"realtime": False}, "--no-realtime needs a source with a clock"),
        ({"source": "synthetic:1", "hand": "left"}, "synthetic shows a right hand: give --hand right"),
        ({"source": "synthetic", "mirror": True}, "shows a left hand with --mirror: give --hand left"),
        ({"robot_hand": "leap_left"}, "leap_left is a left one; give leap_right for --hand right"),
        ({"robot_hand": "allegro_v5a_right", "hand": "left"}, "right one; give allegro_v5a_left for --hand"),
        ({"network": Path("x"), "temporal": "none"}, "--network is for --temporal posebert"),
    ],
)
def test_flags_that_make_no_sense_are_refused(changes: dict, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        check_settings(CalibrateHandSettings(**{"operator": "Anna", **changes}))
