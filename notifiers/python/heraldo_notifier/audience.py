"""Whether a gateway hears us, as its subscriptions tell."""
from __future__ import annotations

from typing import Callable, List

from .errors import NotifierError
from .latch import Latch

_READY = b"\x01!ready|"
_HEARTBEAT_GONE = b"\x00!heartbeat|"


class Audience:
    """A gateway subscribes to ``!ready|`` when all its filters are out, and holds ``!heartbeat|`` as long as it lives:
    both come on one wire, in order, and the socket itself takes back the filters of whoever died."""

    def __init__(self, on_gone: Callable[[], None]) -> None:
        """``on_gone``: the last gateway has left."""
        self._on_gone = on_gone
        self._waiting: List[Latch] = []
        self._hears = False
        self._closed = False

    def take(self, frame: bytes) -> None:
        """One frame off the XPUB socket."""
        if frame == _READY:
            self._hears = True
            self._wake()
        elif frame == _HEARTBEAT_GONE:
            self._hears = False
            self._on_gone()

    def until_heard(self, timeout: float) -> bool:
        """Returns as soon as a gateway hears. Raises NotifierError ``notifier.closed``."""
        latch = Latch()
        self._waiting.append(latch)
        try:
            # Looked at after the latch is in the list: what happens from here on sets it.
            heard = self._hears or (not self._closed and latch.wait(timeout))
        finally:
            self._waiting.remove(latch)
        if self._closed:
            raise NotifierError("notifier.closed")
        return heard

    def close(self) -> None:
        """Nobody will hear any more."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        for latch in list(self._waiting):
            latch.set()
