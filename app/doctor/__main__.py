"""`python -m app.doctor`: the doctor for a Python in which `launch.py` cannot start yet."""

import argparse
import io
import sys

from app.doctor import examine, report
from app.doctor.ports import HIGHEST_FIRST

parser = argparse.ArgumentParser(prog="python -m app.doctor", description="Look at this machine.")
parser.add_argument("--port", type=int, default=5570, help="first port of the robot server to look at")
parser.add_argument("--json", action="store_true", help="print the findings as JSON")
for stream in (sys.stdout, sys.stderr):
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")  # a terminal without Unicode is no reason to fail
settings = parser.parse_args()
if not 1 <= settings.port <= HIGHEST_FIRST:
    parser.error(f"--port is from 1 to {HIGHEST_FIRST} (two more follow), not {settings.port}")
sys.exit(report(examine(settings.port), settings.json))
