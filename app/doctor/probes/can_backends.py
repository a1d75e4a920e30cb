"""Tells which adapters python-can finds through the interfaces named as arguments."""

from __future__ import annotations

import logging
import sys

from app.doctor.probes.answer import tell


def main(interfaces: list[str]) -> None:
    import can

    logging.disable(logging.CRITICAL)  # drivers that are not installed are no news
    tell(version=can.__version__)
    for interface in interfaces:
        for found in can.detect_available_configs(interfaces=[interface]):
            tell(interface=interface, channel=str(found.get("channel", "")))


if __name__ == "__main__":
    main(sys.argv[1:])
