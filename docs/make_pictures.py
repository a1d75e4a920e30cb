"""Makes the README's picture from an overview.mp4 of the program itself.

python launch.py teleop --source synthetic --headless --no-realtime --run-dir runs/demo
python docs/make_pictures.py runs/demo/overview.mp4
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.opencv import cv2

WIDTH_PX = 800
PLAYBACK_FPS = 12
QUALITY = 70


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("video", type=Path, help="overview.mp4 of a run")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "images" / "overview.webp")
    parser.add_argument("--start-s", type=float, default=0.0, help="where the picture starts in the video")
    parser.add_argument("--length-s", type=float, default=12.0, help="how much of it is shown")
    arguments = parser.parse_args()

    video = cv2.VideoCapture(str(arguments.video))
    fps = video.get(cv2.CAP_PROP_FPS)
    pictures: list[Image.Image] = []
    next_s = arguments.start_s
    index = 0
    while True:
        read, image = video.read()
        t_s = index / fps if fps else 0.0
        index += 1
        if not read or t_s > arguments.start_s + arguments.length_s:
            break
        if t_s < next_s:
            continue
        next_s += 1.0 / PLAYBACK_FPS
        height = round(image.shape[0] * WIDTH_PX / image.shape[1])
        small = cv2.resize(image, (WIDTH_PX, height), interpolation=cv2.INTER_AREA)
        pictures.append(Image.fromarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB)))
    if not pictures:
        sys.exit(
            f"error: {arguments.video} has no frames; how to make it: python docs/make_pictures.py --help"
        )
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    pictures[0].save(
        arguments.output,
        save_all=True,
        append_images=pictures[1:],
        duration=round(1000 / PLAYBACK_FPS),
        loop=0,
        quality=QUALITY,
        method=6,  # slowest and smallest
    )
    print(f"{arguments.output}: {len(pictures)} frames, {arguments.output.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
