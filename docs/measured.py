"""What the scripts that write measured figures into the documentation share."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

_QUALITY = 85
_MOST_BYTES = 150_000


class NotWrittenError(RuntimeError):
    """A page or a picture is not as it must be; the message says what to do."""


def write_block(path: Path, name: str, script: str, text: str) -> None:
    """Replace what stands between `<!-- NAME: … SCRIPT -->` and `<!-- /NAME -->` in a page.

    Raises:
        NotWrittenError: there is no such block, or more than one.
    """
    block = re.compile(rf"(<!-- {name}: [^\n]*{script}[^\n]*-->\n).*?(<!-- /{name} -->)", re.DOTALL)
    page = path.read_text(encoding="utf-8")
    if len(block.findall(page)) != 1:
        raise NotWrittenError(
            f"{path} needs one block <!-- {name}: written by docs/{script} --> … <!-- /{name} -->"
        )
    path.write_text(block.sub(lambda m: m[1] + text + m[2], page), encoding="utf-8")


def write_pictures(
    draw: Callable[[dict[str, Any], Path], dict[str, Path]], results: dict[str, Any], prefix: str, docs: Path
) -> dict[str, str]:
    """Pictures of results as images/PREFIX_*.webp in `docs`; where they lie as seen from there, by name.

    Raises:
        NotWrittenError: one is too large for a repository.
    """
    links = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, path in draw(results, Path(folder)).items():
            picture = docs / "images" / f"{prefix}_{name}.webp"
            with Image.open(path) as image:
                image.convert("RGB").save(picture, quality=_QUALITY, method=6)
            if picture.stat().st_size > _MOST_BYTES:
                raise NotWrittenError(f"{picture} has more than {_MOST_BYTES} bytes; lower _QUALITY")
            links[name] = f"images/{picture.name}"
    return links


def one_deeper(report: str) -> str:
    """A report whose headings of the second level stand below one of a page."""
    return re.sub("^## ", "### ", report, flags=re.MULTILINE)
