"""How a caller waits for the background thread."""
from __future__ import annotations

import threading


class Latch:
    """Set by one thread, waited for by another. A ``threading.Event`` holds a lock while it runs Python code: a signal's
    handler that notifies in that moment would wait for the background thread, and that thread for the lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        if self._lock.locked():
            self._lock.release()

    def wait(self, timeout: float = -1) -> bool:
        """Once. False: it took too long."""
        return self._lock.acquire(timeout=timeout)
