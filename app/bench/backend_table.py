"""What bench temporal --backend all found, as lines for a terminal and as a page."""

from __future__ import annotations

from typing import Any

_HEAD = ("computed by", "", "batch", "p50 ms", "p99 ms", "× paper", "off by at most, rad", "p99, rad", "kept")


def backend_lines(results: dict[str, Any]) -> list[str]:
    """A table of fixed width, and what it was measured on."""
    cells = [_HEAD, *(_cells(row) for row in results["rows"] if "left_out" not in row)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    return [_about(results), *(line.rstrip() for line in lines), *_missing(results)]


def backend_markdown(results: dict[str, Any]) -> str:
    """The page."""
    rows = [_cells(row) for row in results["rows"] if "left_out" not in row]
    lines = ["# Backends", "", _about(results), "", _line(_HEAD), _line(("---",) * len(_HEAD))]
    lines += [_line(row) for row in rows]
    return "\n".join([*lines, "", *(f"- {reason}" for reason in _missing(results)), ""])


def _about(results: dict[str, Any]) -> str:
    machine = results["machine"]
    return (
        f"{results['windows']}; {machine['processor']}, {results['threads']} threads; GPU: {results['gpu']}; "
        f"{results['rounds']} updates timed, from arrays in to arrays out; paper: {results['paper_ms']:g} ms"
    )


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    times = ("", "", "")
    if "p50_ms" in row:
        times = (f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}", f"{row['times_faster']:.1f}")
    how = f" ({row['how']})" if row["precision"] == "fp16" and row["how"] else ""
    return (
        row["name"] + how,
        row["precision"],
        str(row["batch"]),
        *times,
        f"{row['difference_rad']:.1e}",
        f"{row['difference_p99_rad']:.1e}",
        "yes" if row["within"] else "NO",
    )


def _missing(results: dict[str, Any]) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for row in results["rows"]:
        if "left_out" in row:
            names = reasons.setdefault(row["left_out"], [])
            names.append(f"{row['name']} {row['precision']} {row['batch']}")
    return [f"left out ({reason}): {'; '.join(names)}" for reason, names in reasons.items()]


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
