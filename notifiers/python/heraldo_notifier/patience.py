"""How much at once, and after which pause."""
from __future__ import annotations

from typing import Callable

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0


class Patience:
    """Where something fails the pauses grow and the window shrinks by half; what succeeds ends the row of failures and
    widens the window again."""

    def __init__(self, window: int, random: Callable[[], float]) -> None:
        self._most = window
        self._random = random
        #: As many may be under way.
        self.window = window
        #: In a row.
        self.failures = 0
        #: When the pause is over.
        self.until = 0.0

    def is_pausing(self, now: float) -> bool:
        return now < self.until

    def failed(self, now: float) -> None:
        """Pauses, with chance in it: whoever waits with us shall not come back in the same moment."""
        if self.is_pausing(now):
            return
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * (1 << min(self.failures, 10)))
        self.failures += 1
        self.window = max(1, self.window // 2)
        self.until = now + pause * (0.5 + self._random() / 2)

    def succeeded(self) -> None:
        self.failures = 0
        self.window = min(self._most, self.window + 1)

    def pause_until(self, time: float) -> None:
        self.until = max(self.until, time)
