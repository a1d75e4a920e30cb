"""The trace file."""

import numpy as np
import pytest

from app.errors import AppError
from app.trace import STAGES, Trace, TraceRow


def row(i: int) -> TraceRow:
    return TraceRow(
        t_capture_s=i / 30,
        detected=i % 2 == 0,
        keypoints_image_px=np.full((21, 2), float(i)),
        keypoints_raw_m=np.full((21, 3), np.nan),
        keypoints_m=np.zeros((21, 3)),
        keypoints_future_m=np.zeros((5, 21, 3)),
        rotations=np.tile(np.eye(3), (16, 1, 1)),
        wrist_m=np.zeros(3),
        q_rad=np.arange(16.0),
        q_sent_rad=np.full(16, np.nan),
        stage_ms={"detect": 9.0, "temporal": 0.1},
        age_ms=10.0,
    )


def make_trace(rows: int) -> Trace:
    trace = Trace(np.arange(1, 6) / 30, tuple(f"joint_{i}.0" for i in range(16)))
    trace.rows.extend(row(i) for i in range(rows))
    return trace


@pytest.mark.parametrize("rows", [0, 3])
def test_every_array_of_the_contract_is_there_with_its_shape(tmp_path, rows):
    path = tmp_path / "trace.npz"
    make_trace(rows).save(path)
    with np.load(path) as data:  # no pickles inside: the default refuses them
        shapes = {name: data[name].shape for name in data.files}
        names = list(data["joint_names"])
    expected = {
        "t_capture_s": (rows,),
        "detected": (rows,),
        "keypoints_image_px": (rows, 21, 2),
        "keypoints_raw_m": (rows, 21, 3),
        "keypoints_m": (rows, 21, 3),
        "horizon_s": (5,),
        "keypoints_future_m": (rows, 5, 21, 3),
        "rotations": (rows, 16, 3, 3),
        "wrist_m": (rows, 3),
        "joint_names": (16,),
        "q_rad": (rows, 16),
        "q_sent_rad": (rows, 16),
        "age_ms": (rows,),
    } | {f"stage_ms_{stage}": (rows,) for stage in STAGES}
    assert shapes == expected
    assert names[0] == "joint_0.0"


def test_what_is_not_there_is_nan(tmp_path):
    arrays = make_trace(2).arrays()
    assert np.isnan(arrays["stage_ms_publish"]).all()
    assert np.isnan(arrays["q_sent_rad"]).all()
    assert arrays["detected"].tolist() == [True, False]


def test_an_unwritable_place_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(AppError, match="choose another place"):
        make_trace(1).save(tmp_path / "file" / "trace.npz")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
