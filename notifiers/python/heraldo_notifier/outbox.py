"""What waits for the thread that owns the socket."""
from __future__ import annotations

import threading
from collections import deque
from typing import Callable, Deque, Optional

from .draft import Draft
from .errors import NotifierError
from .latch import Latch


class Letter:
    """A draft under way, and the thread that waits for it."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self._settled = Latch()
        self._error: Optional[Exception] = None

    def settle(self, error: Optional[Exception] = None) -> None:
        self._error = error
        self._settled.set()

    def wait(self) -> None:
        self._settled.wait()
        if self._error is not None:
            raise self._error


class Outbox:
    """One after the other, in order, from any number of threads. The queue is bounded.

    The thread that sends takes no lock: whoever holds one may be interrupted by a signal, whose handler may notify and
    wait for that thread.
    """

    def __init__(self, most: int, wake: Callable[[], None]) -> None:
        self._most = most
        self._wake = wake
        # Among callers, so that the bound is exact; reentrant for the sake of those handlers.
        self._lock = threading.RLock()
        self._queue: Deque[Letter] = deque()
        self._closed = False
        self._abandoned = False

    def __len__(self) -> int:
        return len(self._queue)

    def push(self, draft: Draft) -> None:
        """Returns when the socket has it. Raises NotifierError ``notifier.busy`` at the bound, ``notifier.closed``."""
        letter = Letter(draft)
        with self._lock:
            if self._closed:
                raise NotifierError("notifier.closed")
            if len(self._queue) >= self._most:
                raise NotifierError("notifier.busy")
            self._queue.append(letter)
        if self._abandoned:
            self._refuse_all()  # it was closed since we looked
        else:
            self._wake()
        letter.wait()

    def send_all(self, send: Callable[[Draft], None]) -> None:
        """What waits now; what comes meanwhile waits for the next turn, so that the thread gets to its other work.
        What is being sent stays in the queue until it has left, so that the bound counts it."""
        for _ in range(len(self._queue)):
            error: Optional[Exception] = None
            try:
                send(self._queue[0].draft)
            except Exception as thrown:
                error = thrown
            self._queue.popleft().settle(error)

    def close(self) -> None:
        """Takes nothing more."""
        self._closed = True

    def abandon(self) -> None:
        """Takes nothing more, and lets nobody wait for what nobody will send."""
        self._closed = True
        self._abandoned = True
        self._refuse_all()

    def _refuse_all(self) -> None:
        while True:
            try:
                letter = self._queue.popleft()
            except IndexError:
                return
            letter.settle(NotifierError("notifier.closed"))
