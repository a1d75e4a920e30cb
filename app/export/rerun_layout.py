"""How Rerun's viewer arranges a recording at first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.export.optional import require
from models.observation import Hand


def layout(hands: Sequence[Hand]) -> Any:
    """Camera and 3-D hand on top, joints and times in the middle, states below.

    Raises:
        AppError: rerun-sdk is missing.
    """
    rrb = require("rerun.blueprint", "export rerun")
    joints = [
        rrb.TimeSeriesView(
            origin=f"/{hand}", contents=[f"/{hand}/target", f"/{hand}/measured"], name=f"{hand}: joints, rad"
        )
        for hand in hands
    ]
    levels = [
        rrb.TimeSeriesView(
            origin=f"/{hand}",
            contents=[f"/{hand}/source_state/level", f"/{hand}/robot_mode/level"],
            name=f"{hand}: states",
        )
        for hand in hands
    ]
    return rrb.Blueprint(
        rrb.Vertical(
            rrb.Horizontal(
                rrb.Spatial2DView(origin="/camera", name="camera"),
                rrb.Spatial3DView(origin="/space", name="hand, metres"),
            ),
            rrb.Horizontal(*joints, rrb.TimeSeriesView(origin="/timing", name="times, ms")),
            rrb.Horizontal(*levels, rrb.TextLogView(origin="/", name="changes")),
            row_shares=[3, 2, 1],
        ),
        collapse_panels=True,
    )
