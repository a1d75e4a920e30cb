"""What the command lines of the tools that make training data have in common."""

from __future__ import annotations

import logging
from collections.abc import Callable

from app.errors import AppError, UsageError
from models.errors import ModelError

logger = logging.getLogger(__name__)


def run_tool(run: Callable[[], object], stopped: str = "stopped before all was written") -> int:
    """Run a tool; what fails for a known reason is told in one sentence.

    Args:
        run: parses the command line and does the work.
        stopped: said after Ctrl-C.

    Returns:
        The exit status: 0, 2 for an illegal setting, as for an unknown one, else 1.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        run()
    except UsageError as error:
        logger.error("error: %s", error)
        return 2
    except (AppError, ModelError) as error:
        logger.error("error: %s", error)
        return 1
    except OSError as error:
        reason = error.strerror or error
        where = "a file" if error.filename is None else error.filename
        logger.error("error: %s cannot be read or written (%s); give another place", where, reason)
        return 1
    except KeyboardInterrupt:
        logger.info("%s", stopped)
        return 1
    return 0
