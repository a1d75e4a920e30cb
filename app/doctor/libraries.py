"""Names the system package that holds a shared library."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence

_MISSING = re.compile(r"(lib[\w.+-]+?\.so(?:\.\d+)*)(?:: cannot open shared object| => not found)")
# Where Debian's packages are not named after their library.
_EXCEPTIONS = {
    "libGLESv2.so.2": "libgles2",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
}


def missing_libraries(text: str) -> list[str]:
    """The shared libraries that a loader's or ldd's message says are missing, each once, in order."""
    return list(dict.fromkeys(_MISSING.findall(text)))


def debian_package(library: str) -> str:
    """The Debian package of a library, by the rule of Debian's policy: name and version of the soname.

    libxcb-cursor.so.0 is in libxcb-cursor0; a hyphen divides two numbers, as in libdbus-1-3.
    """
    if library in _EXCEPTIONS:
        return _EXCEPTIONS[library]
    name, _, version = library.partition(".so")
    version = version.lstrip(".")
    return f"{name}{'-' if name[-1].isdigit() and version else ''}{version}".lower()


def install_command(libraries: Sequence[str]) -> str:
    """The command that installs the packages of `libraries` here."""
    packages = sorted({debian_package(library) for library in libraries})
    if shutil.which("apt-get"):
        return f"sudo apt-get install -y {' '.join(packages)}"
    return (
        f"install {', '.join(libraries)}; on Debian and Ubuntu: sudo apt-get install -y {' '.join(packages)}"
    )
