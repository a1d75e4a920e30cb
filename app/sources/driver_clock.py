"""When an image was taken, as near the sensor as the camera's driver tells and can be believed.

Drivers stamp an image when its first byte arrives, earlier and steadier than the moment the program hears of
it. But their clock may be another one, stand still, be set, or drift away. What is known for certain: no
image arrives before it was taken, and the quickest of several images always takes about equally long.
"""

from __future__ import annotations

import logging
import math
import statistics
import time
from collections import deque

from app.opencv import cv2
from app.sources.reader import Capture

logger = logging.getLogger(__name__)

_LEARNT_FROM = 31  # images until the usual delay is known, about a second
_WATCHED = 15  # images of which the quickest must not be late: a busy machine delays some, not all
_LARGEST_FIRST_DELAY_NS = 500_000_000
_DRIFT_NS = 50_000_000  # more than the delays of one camera differ by


class DriverClock:
    """The monotonic times of one camera's images: never in the future, and of a clock that can be relied on.

    While the driver's clock cannot be believed, the time is the moment of arrival less the usual delay.
    """

    def __init__(self) -> None:
        self._delays_ns: deque[int] = deque(maxlen=_LEARNT_FROM)
        self._usual_delay_ns: int | None = None
        self._driver_last_ns: int | None = None
        self._t_last_ns: int | None = None
        self._warned = False

    def capture_time_ns(self, capture: Capture) -> int:
        """Monotonic time of the image just grabbed, ns.

        Video4Linux stamps with the monotonic clock, and OpenCV hands that on as CAP_PROP_POS_MSEC. Other
        systems give no such time, and then it is when `grab` returned.
        """
        arrival_ns = time.monotonic_ns()
        if capture.get(cv2.CAP_PROP_BACKEND) != cv2.CAP_V4L2:
            return arrival_ns
        t_msec = capture.get(cv2.CAP_PROP_POS_MSEC)
        return self.time_ns(round(t_msec * 1e6) if math.isfinite(t_msec) else 0, arrival_ns)

    def time_ns(self, driver_ns: int, arrival_ns: int) -> int:
        """The time to go by for an image.

        Args:
            driver_ns: time the driver gave it, ns; any number if it gives none.
            arrival_ns: monotonic time it arrived, ns.
        """
        delay_ns = arrival_ns - driver_ns
        moved = self._driver_last_ns is None or driver_ns > self._driver_last_ns
        self._driver_last_ns = driver_ns
        if self._believable(driver_ns, delay_ns, moved):
            t_ns = driver_ns
        else:
            t_ns = arrival_ns - (self._usual_delay_ns or 0)
            if self._usual_delay_ns is not None and not self._warned:
                self._warned = True
                logger.warning("the camera driver's clock is off; the time of arrival is used instead")
        self._t_last_ns = t_ns
        return t_ns

    def _believable(self, driver_ns: int, delay_ns: int, moved: bool) -> bool:
        if not moved or delay_ns < 0:
            return False
        if self._usual_delay_ns is None:
            if delay_ns > _LARGEST_FIRST_DELAY_NS:
                return False
            self._learn(delay_ns)
            return self._t_last_ns is None or driver_ns > self._t_last_ns
        self._learn(delay_ns)
        # A single late image is one that waited in the driver while this program was stopped: its time is
        # true. When the quickest is late as well, the clock has moved.
        quickest_ns = min(list(self._delays_ns)[-_WATCHED:])
        drifted = quickest_ns > self._usual_delay_ns + _DRIFT_NS
        return not drifted and (self._t_last_ns is None or driver_ns > self._t_last_ns)

    def _learn(self, delay_ns: int) -> None:
        self._delays_ns.append(delay_ns)
        if len(self._delays_ns) == _LEARNT_FROM:
            median_ns = round(statistics.median(self._delays_ns))
            if self._usual_delay_ns is None or median_ns < self._usual_delay_ns:
                self._usual_delay_ns = median_ns
