"""The objectives: DexPilot as published and as dex-retargeting has it, vectors, positions, other hands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from retarget_examples import ZOO, fist, flat_hand, pinch

from retarget import HandConfig, Retargeter, RetargetError
from retarget.config_file import config_from
from retarget.kinematics import Kinematics
from retarget.solver import Solver
from retarget.urdf import read_urdf

ASSETS = Path(__file__).parent.parent / "robot" / "assets"
TIPS = ["link_15.0_tip", "link_3.0_tip", "link_7.0_tip", "link_11.0_tip"]
SPREAD_RAD = 0.08726646255  # FACTS: rpy of joint_0.0, and of joint_8.0 the other way
HANDS = [flat_hand(), fist(), pinch(0, 0.005), pinch(1, 0.034), pinch(2, 0.045)]
ORIGIN = np.array([2, 3, 4, 3, 4, 4, 0, 0, 0, 0])
TASK = np.array([1, 1, 1, 2, 2, 3, 1, 2, 3, 4])


def allegro(**keys: Any) -> HandConfig:
    """A config as dex-retargeting's users write it, unless `keys` say otherwise."""
    section = {
        "type": "DexPilot",
        "urdf_path": "allegro_right.urdf",
        "wrist_link_name": "wrist",
        "finger_tip_link_names": TIPS,
        "scaling_factor": 1.6,
        "low_pass_alpha": 0.2,
    }
    return config_from(section | keys, ASSETS)


def kinds(zoo: Path) -> list[HandConfig]:
    tips = {"target_link_names": ["a", "d", "f"], "target_link_human_indices": [4, 8, 12]}
    pairs = {
        "target_origin_link_names": ["wrist", "wrist", "link_3.0_tip"],
        "target_task_link_names": ["link_3.0_tip", "link_14.0", "link_15.0_tip"],
        "target_link_human_indices": [[0, 0, 8], [8, 2, 4]],
    }
    return [
        allegro(),
        allegro(variant="published"),
        allegro(variant="contact", coupled_joints=[{"follower": "joint_3.0", "leader": "joint_2.0"}]),
        allegro(type="vector", **pairs),
        config_from({"type": "position", "urdf_path": zoo.name, **tips}, zoo.parent),
        config_from(
            {"type": "position", "urdf_path": zoo.name, "add_dummy_free_joint": True, **tips}, zoo.parent
        ),
        config_from(
            {"type": "position", "urdf_path": zoo.name, "ignore_mimic_joint": True, **tips}, zoo.parent
        ),
    ]


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    path = tmp_path / "zoo.urdf"
    path.write_text(ZOO)
    return path


def huber(error: np.ndarray, delta: float) -> np.ndarray:
    """SmoothL1 of PyTorch's documentation: ½ e²/δ below δ, e − ½ δ above."""
    return np.where(error < delta, 0.5 * error**2 / delta, error - 0.5 * delta)


def tilt(angle_rad: float) -> np.ndarray:
    """(3,3) turning z toward y, as the Allegro's index is mounted."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[1, 0, 0], [0, c, s], [0, -s, c]])


def robot_vectors(q: np.ndarray, joint_names: tuple[str, ...]) -> np.ndarray:
    points = Kinematics(ASSETS / "allegro_right.urdf", ["wrist", *TIPS], joint_names).positions(q)
    return points[TASK] - points[ORIGIN]


def test_gradients_agree_with_finite_differences(zoo: Path) -> None:
    rng = np.random.default_rng(0)
    for config in kinds(zoo):
        solver = Solver(config)
        n = len(solver.joint_names)
        for keypoints in HANDS:
            q = rng.uniform(np.maximum(solver.lower_rad, -2), np.minimum(solver.upper_rad, 2))
            previous, strength = q + rng.normal(0, 0.2, n), rng.uniform(0, 1, solver.num_pairs)

            def cost(q: np.ndarray, solver=solver, arguments=(keypoints, strength, previous)) -> float:
                return solver.objective(q, *arguments)[0]

            numeric = [(cost(q + step) - cost(q - step)) / 2e-6 for step in 1e-6 * np.eye(n)]
            gradient = solver.objective(q, keypoints, strength, previous)[1]
            np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-5)


def test_librarys_objective_is_the_documented_formula() -> None:
    """FACTS of dex-retargeting 0.5.0: weights, lengths, Huber, mean over ten vectors, both regularisers."""
    retargeter = Retargeter(allegro())
    rng = np.random.default_rng(1)
    q = rng.uniform(retargeter.lower_rad, retargeter.upper_rad)
    last = rng.uniform(retargeter.lower_rad, retargeter.upper_rad)
    both = pinch(0, 0.005)
    both[12] = both[4] + [0.0, 0.0, 0.01]  # index and middle meet the thumb
    for keypoints, projected in ((flat_hand(), []), (pinch(0, 0.005), [0]), (both, [0, 1, 3])):
        retargeter.reset()
        human = keypoints[4 * TASK] - keypoints[4 * ORIGIN]
        target, weight = 1.6 * human, np.r_[np.ones(6), np.full(4, 10.0)]
        for v in projected:
            eta = 1e-4 if v < 3 else 3e-2
            target[v] = eta * human[v] / np.linalg.norm(human[v])
            weight[v] = 200.0 if v < 3 else 400.0
        error = np.linalg.norm(robot_vectors(q, retargeter.joint_names) - target, axis=1)
        expected = (weight * huber(error, 0.03)).sum() / 10
        assert retargeter.cost(q, keypoints) == pytest.approx(expected, rel=1e-9)
        held = expected + 4e-3 * ((q - last) ** 2).sum()
        assert retargeter.cost(q, keypoints, last) == pytest.approx(held, rel=1e-9)


def test_vector_and_position_costs_are_the_documented_formulas(zoo: Path) -> None:
    keypoints, rng = fist(), np.random.default_rng(2)
    vector = Retargeter(kinds(zoo)[3])
    q = rng.uniform(vector.lower_rad, vector.upper_rad)
    points = Kinematics(
        ASSETS / "allegro_right.urdf", ["wrist", "link_3.0_tip", "link_14.0", "link_15.0_tip"]
    ).positions(q)
    robot = points[[1, 2, 3]] - points[[0, 0, 1]]
    human = keypoints[[8, 2, 4]] - keypoints[[0, 0, 8]]
    expected = huber(np.linalg.norm(robot - 1.6 * human, axis=1), 0.02).mean()
    assert vector.cost(q, keypoints) == pytest.approx(expected, rel=1e-9)

    position = Retargeter(kinds(zoo)[4])
    q = rng.uniform(-0.1, 0.2, len(position.joint_names))
    keypoints = keypoints + np.array([0.1, 0.2, 0.3])  # where the hand is, counts
    error = np.abs(Kinematics(zoo, ["a", "d", "f"]).positions(q) - keypoints[[4, 8, 12]])
    assert position.cost(q, keypoints) == pytest.approx(huber(error, 0.02).mean(), rel=1e-9)


def test_published_objective_is_the_papers_formula() -> None:
    """Plain squares with weights 1, 200, 400, γ|q|², DIP = PIP; fingertip frames are checked below."""
    couplings = [{"follower": f"joint_{i + 1}.0", "leader": f"joint_{i}.0"} for i in (2, 6, 10)]
    solver = Solver(allegro(variant="published", coupled_joints=couplings))
    keypoints = flat_hand()
    zero = np.zeros(16)
    zero[12] = solver.lower_rad[12]  # the thumb's zero is out of its limits
    # In the open hand the human's fingertip frames lie along the palm's; the robot's index and ring are
    # spread by 5°, and their frames with them.
    human = 1.6 * (keypoints[4 * TASK] - keypoints[4 * ORIGIN])
    spread = {2: tilt(SPREAD_RAD), 4: tilt(-SPREAD_RAD)}
    wanted = [spread.get(origin, np.eye(3)) @ r for origin, r in zip(ORIGIN.tolist(), human, strict=True)]
    error = robot_vectors(zero, solver.joint_names) - wanted
    expected = 0.5 * (error**2).sum()
    assert solver.objective(zero, keypoints, np.zeros(6))[0] == pytest.approx(expected, rel=1e-6)
    q = solver.solve(pinch(0, 0.005)[None], zero[None], None, np.zeros(6)).q_rad[0]
    np.testing.assert_allclose(q[[3, 7, 11]], q[[2, 6, 10]], atol=2e-3)


def test_published_targets_turn_with_the_fingertip() -> None:
    """A pair seen from a bent finger asks the same of a robot finger bent alike as of two straight ones."""
    solver = Solver(allegro(variant="published", open_weight=0.0, wrist_weight=1e-9))
    bent, straight = pinch(0, 0.06), flat_hand()
    # The same vector index tip → thumb, in the frame of the index's last bone.
    angle = 0.7 + 0.9 + 0.5
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    wanted = np.array([0.03, 0.02, 0.05])
    straight[4] = straight[8] + wanted
    bent[4] = bent[8] + turn @ wanted
    q = np.zeros(16)
    q[12] = solver.lower_rad[12]
    turned = q.copy()
    turned[[1, 2, 3]] = [0.7, 0.9, 0.5]
    chain = Kinematics(ASSETS / "allegro_right.urdf", ["link_3.0_tip", "link_15.0_tip"], solver.joint_names)

    every = Kinematics(ASSETS / "allegro_right.urdf", ["wrist", *TIPS], solver.joint_names)

    def residual(q: np.ndarray, keypoints: np.ndarray) -> np.ndarray:
        """Thumb tip − (index tip + wanted vector), from the costs with the thumb tip moved."""
        tip, thumb = chain.positions(q)
        return thumb - tip - 1.6 * tilt(SPREAD_RAD) @ (turn @ wanted if q is turned else wanted)

    for pose, keypoints in ((q, straight), (turned, bent)):
        others = solver.objective(pose, keypoints, np.zeros(6))[0]
        shifted = keypoints.copy()
        shifted[4] = keypoints[8] + (keypoints[4] - keypoints[8]) * 1.1
        change = solver.objective(pose, shifted, np.zeros(6))[0] - others
        frame = tilt(SPREAD_RAD) @ (turn if pose is turned else np.eye(3))
        first = residual(pose, keypoints)
        step = 1.6 * 0.1 * (frame @ wanted)
        index_pair = 0.5 * (((first - step) ** 2).sum() - (first**2).sum())
        middle_and_ring = 0.0
        points = every.positions(pose)
        for v in (1, 2):  # these fingers are straight
            frame = tilt(-SPREAD_RAD) if v == 2 else np.eye(3)
            before = points[1] - points[v + 2] - 1.6 * frame @ (keypoints[4] - keypoints[4 * (v + 2)])
            after = points[1] - points[v + 2] - 1.6 * frame @ (shifted[4] - shifted[4 * (v + 2)])
            middle_and_ring += 0.5 * ((after**2).sum() - (before**2).sum())
        assert change == pytest.approx(index_pair + middle_and_ring, rel=1e-5)


def test_hand_frame_turns_what_the_robot_sees() -> None:
    """A URDF whose root is turned needs one line, and then gives the same pose."""
    plain = Retargeter(allegro(variant="contact"))
    turned = Retargeter(allegro(variant="contact", hand_frame_rpy=[0.0, 0.0, np.pi / 2]))
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    q = plain.solve(fist(), 0)
    np.testing.assert_allclose(turned.tip_positions(q) @ quarter.T, plain.tip_positions(q), atol=1e-12)
    pose = turned.links(q)["link_3.0_tip"]
    np.testing.assert_allclose(pose[:3, 3], turned.tip_positions(q)[1], atol=1e-12)
    np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-12)


def test_wrist_may_move_with_the_joints() -> None:
    """On the Shadow hand the palm stands above two wrist joints."""
    solver = Solver(allegro(wrist_link_name="link_2.0"))
    q, step = np.full(16, 0.3), 1e-6 * np.eye(16)[1]  # joint_1.0 moves that link
    cost = [solver.objective(q + side * step, fist(), np.zeros(6))[0] for side in (-1, 1)]
    gradient = solver.objective(q, fist(), np.zeros(6))[1][1]
    assert gradient == pytest.approx((cost[1] - cost[0]) / 2e-6, rel=1e-5)
    assert abs(gradient - Solver(allegro()).objective(q, fist(), np.zeros(6))[1][1]) > 1e-3


def test_free_base_brings_the_robot_to_where_the_hand_is(zoo: Path) -> None:
    keypoints = fist() + np.array([0.3, -0.2, 0.5])
    fixed, free = (Retargeter(kinds(zoo)[i]) for i in (4, 5))
    assert free.joint_names[:6] == tuple(
        f"dummy_{axis}_{kind}_joint" for kind in ("translation", "rotation") for axis in "xyz"
    )
    far = fixed.cost(fixed.solve(keypoints, 0), keypoints)
    near = free.cost(free.solve(keypoints, 0), keypoints)
    assert near < 0.2 * far


def test_mimic_joints_move_alone_when_asked_to(zoo: Path) -> None:
    assert Retargeter(kinds(zoo)[4]).joint_names == ("a_joint", "b_joint", "d_joint", "g_joint")
    assert set(Retargeter(kinds(zoo)[6]).joint_names) > {"e_joint", "f_joint"}


def test_without_limits_joints_may_go_anywhere() -> None:
    solver = Solver(allegro(has_joint_limits=False, scaling_factor=1.0))
    assert np.isinf(solver.lower_rad).all()
    limited = Retargeter(allegro(scaling_factor=1.0))
    q = solver.solve(flat_hand()[None], np.zeros((1, 16)), None, np.zeros(6)).q_rad[0]
    assert ((q < limited.lower_rad) | (q > limited.upper_rad)).any()
    assert np.isinf(Retargeter(allegro(has_joint_limits=False)).upper_rad).all()


def test_published_fingertips_must_move() -> None:
    with pytest.raises(RetargetError, match="fixed to the root"):
        Retargeter(allegro(variant="published", finger_tip_link_names=[*TIPS[:3], "palm_link"]))


def test_low_pass_is_the_librarys_filter_and_only_on_request() -> None:
    hands = [flat_hand(), fist(), fist()]
    plain = Retargeter(allegro())
    raw = [plain.solve(h, i * 33_333_333) for i, h in enumerate(hands)]
    smooth = Retargeter(allegro(), low_pass=True)
    filtered = [smooth.solve(h, i * 33_333_333) for i, h in enumerate(hands)]
    np.testing.assert_allclose(filtered[0], raw[0])
    np.testing.assert_allclose(filtered[1], raw[0] + 0.2 * (raw[1] - raw[0]), atol=1e-6)
    np.testing.assert_allclose(filtered[2], filtered[1] + 0.2 * (raw[2] - filtered[1]), atol=1e-6)


def test_low_pass_holds_its_pose_when_there_is_no_hand() -> None:
    smooth = Retargeter(allegro(), low_pass=True)
    smooth.solve(flat_hand(), 0)
    last = smooth.solve(fist(), 33_333_333)
    np.testing.assert_array_equal(smooth.solve(np.full((21, 3), np.nan), 66_666_667), last)


def test_files_of_the_library_keep_what_it_does_not_forward(caplog: pytest.LogCaptureFixture) -> None:
    config = allegro(huber_delta=0.5, normal_delta=1.0)
    assert (config.huber_delta, config.normal_delta) == (0.03, 4e-3)
    assert "huber_delta is ignored" in caplog.text
    assert allegro(variant="contact", huber_delta=0.5).huber_delta == 0.5


def test_keypoints_may_be_given_for_every_vector() -> None:
    rows = [(4 * ORIGIN).tolist(), (4 * TASK).tolist()]
    usual, explicit = Retargeter(allegro()), Retargeter(allegro(target_link_human_indices=rows))
    np.testing.assert_allclose(explicit.solve(fist(), 0), usual.solve(fist(), 0), atol=1e-9)


def test_expand_gives_every_joint_a_simulator_has(zoo: Path) -> None:
    retargeter = Retargeter(kinds(zoo)[4])
    q = retargeter.solve(fist(), 0)
    every = dict(zip(retargeter.all_joint_names, retargeter.expand(q), strict=True))
    own = dict(zip(retargeter.joint_names, q, strict=True))
    assert set(every) == {f"{name}_joint" for name in "abdefg"}
    assert all(every[name] == value for name, value in own.items())
    assert every["e_joint"] == pytest.approx(-0.7 * own["a_joint"] + 0.2)
    assert every["f_joint"] == pytest.approx(0.1 * every["e_joint"])


def test_what_mimics_stays_within_its_own_limits(tmp_path: Path) -> None:
    text = ZOO.replace('lower="-2" upper="2" effort="1" velocity="1"/>\n    <mimic joint="a_joint"', "LIMIT")
    assert "LIMIT" in text
    for limit, expected in (
        ('lower="-0.5" upper="0.9"', (-1.0, 1.0)),
        ('lower="0" upper="0.1"', (-1.5, 1.2)),
    ):
        text_now = text.replace("LIMIT", f'{limit} effort="1" velocity="1"/>\n    <mimic joint="a_joint"')
        (tmp_path / "zoo.urdf").write_text(text_now)
        tree = read_urdf(tmp_path / "zoo.urdf")
        a = tree.joint_names.index("a_joint")
        # e = −0.7 a + 0.2; the second one leaves a less than half of its range and is taken for a slip.
        assert (tree.lower_rad[a], tree.upper_rad[a]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name="b_joint"', 'name="a_joint"', "joint 'a_joint' is there twice"),
        ('xyz="0 0.07 0"', 'xyz="nan 0 0"', "origin of joint 'c_joint' is not finite"),
        (
            '<link name="g"/>',
            '<link name="g"><collision><geometry><sphere radius="-1"/></geometry></collision></link>',
            "sphere of the size .-1.0.; every size must be greater",
        ),
        (
            '<link name="g"/>',
            '<link name="g"><collision><geometry><box size="0.1"/></geometry></collision></link>',
            "and a box has 3",
        ),
    ],
)
def test_slips_in_a_urdf_are_told(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in ZOO
    (tmp_path / "zoo.urdf").write_text(ZOO.replace(old, new, 1))
    with pytest.raises(RetargetError, match=message):
        read_urdf(tmp_path / "zoo.urdf")


def test_a_cost_beyond_all_numbers_is_not_called_converged() -> None:
    retargeter = Retargeter(allegro(scaling_factor=1e299))
    q = retargeter.solve(fist(), 0)
    assert np.isfinite(q).all()
    assert not retargeter.status.converged


def test_input_that_is_no_numbers_is_explained() -> None:
    retargeter = Retargeter(allegro())
    with pytest.raises(RetargetError, match="no array of numbers"):
        retargeter.solve([["a"]], 0)  # type: ignore[arg-type]
    for t_ns in (None, float("nan"), "now"):
        with pytest.raises(RetargetError, match="give a time in nanoseconds"):
            retargeter.solve(fist(), t_ns)  # type: ignore[arg-type]


def test_resume_goes_on_from_the_given_pose() -> None:
    retargeter = Retargeter(allegro(variant="contact", normal_delta=1e3))
    held = 0.5 * (retargeter.lower_rad + retargeter.upper_rad)
    retargeter.resume(held, 0)
    np.testing.assert_allclose(retargeter.solve(fist(), 33_000_000), held, atol=1e-3)
    with pytest.raises(RetargetError, match="16 finite angles"):
        retargeter.resume(np.full(16, np.nan), 0)
