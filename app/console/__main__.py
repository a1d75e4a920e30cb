"""Runs the window's process; `ConsoleLink` starts it."""

import sys

from app.console.process import main

sys.exit(main())
