import dataclasses
import json
from pathlib import Path

import pytest

from calibration.errors import CalibrationError
from calibration.finger_range import FingerRange
from calibration.operator import (
    OperatorCalibration,
    PinchRange,
    list_operators,
    load_operator,
    operator_file,
    save_operator,
)
from tests.hand_examples import fit, held_samples


@pytest.fixture(scope="module")
def anna() -> OperatorCalibration:
    return fit(held_samples())


def test_comes_back_as_it_was_saved(anna: OperatorCalibration, tmp_path: Path) -> None:
    path = save_operator(anna, tmp_path)
    assert path == operator_file("Anna", "right", tmp_path) == tmp_path / "Anna.json"
    assert load_operator("Anna", "right", tmp_path) == anna
    assert OperatorCalibration.from_json(json.loads(json.dumps(anna.to_json()))) == anna
    assert not list(tmp_path.glob("*.part"))


def test_hands_and_names_are_kept_apart(anna: OperatorCalibration, tmp_path: Path) -> None:
    save_operator(anna, tmp_path)
    left = dataclasses.replace(anna, hand="left", scale=1.1)
    save_operator(left, tmp_path)
    save_operator(dataclasses.replace(anna, name="Äni von 3-b"), tmp_path)
    assert list_operators("right", tmp_path) == ["Anna", "Äni von 3-b"]
    assert list_operators("left", tmp_path) == ["Anna"]
    assert load_operator("Anna", "left", tmp_path) == left
    assert load_operator("Anna", "right", tmp_path) == anna


def test_an_unknown_name_lists_those_there_are(anna: OperatorCalibration, tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"there is none yet.*calibrate hand --operator Bob"):
        load_operator("Bob", "right", tmp_path / "nowhere")
    save_operator(anna, tmp_path)
    with pytest.raises(CalibrationError, match=r"no right hand of operator 'Bob' .*\(there are Anna\)"):
        load_operator("Bob", "right", tmp_path)


@pytest.mark.parametrize(
    "name", ["", ".", "../Anna", "a/b", "a\\b", "con:", "x" * 65, "Anna ", "a.left", "-x"]
)
def test_names_that_are_no_file_names_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="the operator's name is"):
        load_operator(name, "right", tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"version": 2}',
        "not json",
        '{"version": 1, "name": "Anna"}',
        "\x00\xff",
        "[" * 100_000,
    ],
)
def test_a_damaged_file_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "Anna.json").write_text(content, encoding="utf-8")
    with pytest.raises(
        CalibrationError, match=r"Anna\.json does not hold an operator's hand .*calibrate again"
    ):
        load_operator("Anna", "right", tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scale", 0.0),
        ("scale", float("nan")),
        ("scale", 10**400),
        ("bones_m", [10**400] * 20),
        ("hand", "both"),
        ("bones_m", [0.1] * 19),
        ("palm_m", -0.1),
        ("fingers", {}),
        ("pinches", {"index": {"touch_m": 0.01, "open_m": 0.1, "project_m": 0.03, "escape_m": 0.02}}),
        ("name", "a/b"),
    ],
)
def test_illegal_values_are_refused(
    key: str, value: object, anna: OperatorCalibration, tmp_path: Path
) -> None:
    path = save_operator(anna, tmp_path)
    path.write_text(json.dumps({**anna.to_json(), key: value}), encoding="utf-8")
    with pytest.raises(CalibrationError, match=r"Anna\.json"):
        load_operator("Anna", "right", tmp_path)


def test_ranges_check_themselves() -> None:
    with pytest.raises(CalibrationError, match="the second must be the larger"):
        PinchRange(0.01, 0.1, 0.05, 0.03)
    with pytest.raises(CalibrationError, match="metres from 0"):
        PinchRange(float("inf"), 0.1, 0.03, 0.05)
    with pytest.raises(CalibrationError, match="bends by at least"):
        FingerRange(0.3, 0.35, 0.5, 1.5)


def test_a_place_that_cannot_be_written_is_told(anna: OperatorCalibration, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(CalibrationError, match="cannot write"):
        save_operator(anna, tmp_path / "file" / "operators")
