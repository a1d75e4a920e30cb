"""The pattern on the screen is read rightly or not at all, whatever the camera makes of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.opencv import cv2
from calibration.screen_code import CELLS, NUMBERS, CodeReader, cell_table, encode
from tests.latency_examples import SCREEN_PX, Bench, seen_light

numbers = st.integers(0, NUMBERS - 1)


@pytest.fixture(scope="module")
def reader() -> CodeReader:
    return CodeReader()


def read(reader: CodeReader, image: np.ndarray) -> int | None:
    reading = reader.read(image)
    return None if reading is None else reading.counter


def test_from_number_to_number_one_bit_and_one_check_change() -> None:
    table = cell_table()
    changes = np.abs(table - np.roll(table, 1, axis=0))
    assert (changes[:, :-2].sum(axis=1) == 1).all()
    assert (changes[:, -2:].sum(axis=1) == 1).all()


@settings(deadline=None, max_examples=25)
@given(number=st.integers(0, 10 * NUMBERS))
def test_every_number_is_read_as_itself(number: int) -> None:
    assert read(CodeReader(), encode(number, SCREEN_PX)) == number % NUMBERS


@pytest.mark.parametrize(
    "size", [(320, 240), (1280, 720), (1920, 1080), (1024, 768), (768, 1024)], ids=lambda size: f"{size[0]}"
)
def test_fits_screens_of_any_shape(reader: CodeReader, size: tuple[int, int]) -> None:
    image = encode(345, size)
    assert image.shape == (size[1], size[0], 3)
    assert read(reader, image) == 345


@pytest.mark.parametrize(
    "bench",
    [
        Bench(0.0, noise=8.0),
        Bench(0.0, blur_px=2.5),
        Bench(0.0, gamma=1.0),
        Bench(0.0, gamma=2.8),
        Bench(0.0, gain=0.15),
        Bench(0.0, gain=1.8),
    ],
    ids=["noise", "blur", "linear", "contrast", "dark", "overexposed"],
)
def test_is_read_in_perspective_by_cameras_of_all_kinds(reader: CodeReader, bench: Bench) -> None:
    rng = np.random.default_rng(2)
    for number in (0, 1, 511, 600, 1023):
        reading = reader.read(bench.develop(seen_light(number), rng))
        assert reading is not None
        assert reading.counter == number
        np.testing.assert_allclose(reading.shares, cell_table()[number], atol=0.1)


@pytest.mark.parametrize("gamma", [1.6, 2.2, 2.6])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_the_grey_of_a_cell_tells_when_it_changed(reader: CodeReader, gamma: float, share: float) -> None:
    before, after = 207, 208
    light = (1.0 - share) * seen_light(before) + share * seen_light(after)
    reading = reader.read(Bench(0.0, gamma=gamma).develop(light, np.random.default_rng(4)))
    assert reading is not None
    assert reading.counter in (before, after)
    expected = (1.0 - share) * cell_table()[before] + share * cell_table()[after]
    np.testing.assert_allclose(reading.shares, expected, atol=0.06)


@settings(deadline=None, max_examples=25)
@given(number=numbers, at=st.floats(0.1, 0.9), sideways=st.booleans())
def test_a_half_drawn_picture_is_one_of_its_two_numbers_or_none(
    number: int, at: float, sideways: bool
) -> None:
    image, after = encode(number, SCREEN_PX), encode(number + 1, SCREEN_PX)
    if sideways:
        image[:, : round(at * SCREEN_PX[0])] = after[:, : round(at * SCREEN_PX[0])]
    else:
        image[: round(at * SCREEN_PX[1])] = after[: round(at * SCREEN_PX[1])]
    assert read(CodeReader(), image) in (None, number, (number + 1) % NUMBERS)


@settings(deadline=None, max_examples=25)
@given(number=numbers, other=numbers, at=st.floats(0.1, 0.9))
def test_a_picture_torn_between_any_two_numbers_is_never_a_third(number: int, other: int, at: float) -> None:
    image = encode(number, SCREEN_PX)
    rows = round(at * SCREEN_PX[1])
    image[:rows] = encode(other, SCREEN_PX)[:rows]
    assert read(CodeReader(), image) in (None, number, other)


@settings(deadline=None, max_examples=40)
@given(
    number=numbers,
    x=st.integers(0, SCREEN_PX[0]),
    y=st.integers(0, SCREEN_PX[1]),
    width=st.integers(5, 250),
    height=st.integers(5, 200),
    value=st.integers(0, 255),
)
def test_a_covered_picture_is_its_number_or_none(
    number: int, x: int, y: int, width: int, height: int, value: int
) -> None:
    image = encode(number, SCREEN_PX)
    image[y : y + height, x : x + width] = value
    assert read(CodeReader(), image) in (None, number)


@settings(deadline=None, max_examples=25)
@given(number=numbers, pitch_px=st.floats(3.0, 60.0), angle=st.floats(0.0, 3.1), depth=st.floats(0.0, 0.6))
def test_moire_does_not_turn_a_number_into_another(
    number: int, pitch_px: float, angle: float, depth: float
) -> None:
    light = seen_light(number)
    y, x = np.mgrid[: light.shape[0], : light.shape[1]]
    wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / pitch_px)
    image = Bench(0.0).develop((light * (1.0 + depth * wave)).astype(np.float32), np.random.default_rng(0))
    assert read(CodeReader(), image) in (None, number)


def test_one_marker_may_be_covered_and_not_two(reader: CodeReader) -> None:
    image = encode(77, SCREEN_PX)
    image[: SCREEN_PX[1] // 4, : SCREEN_PX[0] // 6] = 128
    assert read(reader, image) == 77
    image[-SCREEN_PX[1] // 4 :, : SCREEN_PX[0] // 6] = 128
    assert read(reader, image) is None


def test_a_screen_or_camera_on_its_side_is_read(reader: CodeReader) -> None:
    for turns in range(4):
        assert read(reader, np.ascontiguousarray(np.rot90(encode(300, SCREEN_PX), turns))) == 300


def test_numbers_far_apart_in_one_exposure_are_none(reader: CodeReader) -> None:
    light = 0.5 * seen_light(100) + 0.5 * seen_light(611)
    assert read(reader, Bench(0.0).develop(light, np.random.default_rng(0))) is None


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((480, 640, 3), np.uint8),
        np.full((2, 2, 3), 255, np.uint8),
        np.random.default_rng(0).integers(0, 256, (480, 640, 3)).astype(np.uint8),
        cv2.flip(encode(5, SCREEN_PX), 1),
        encode(5, SCREEN_PX) // 16,
        cv2.resize(encode(5, SCREEN_PX), (24, 14), interpolation=cv2.INTER_AREA),
        cv2.GaussianBlur(encode(5, SCREEN_PX), (0, 0), 25.0),
    ],
    ids=["black", "tiny", "noise", "mirrored", "too dark", "too small", "too blurred"],
)
def test_what_shows_no_pattern_is_none(reader: CodeReader, image: np.ndarray) -> None:
    assert reader.read(image) is None


def test_says_where_the_pattern_is(reader: CodeReader) -> None:
    image = np.full((720, 640, 3), 90, np.uint8)
    image[:360] = encode(9, SCREEN_PX)
    reading = reader.read(image)
    assert reading is not None
    assert reading.shares.shape == (CELLS,)
    np.testing.assert_allclose(reading.place, [0.5, 0.25], atol=0.01)
