"""The public face: judges what it is given, in the caller's thread, and hands it on."""
from __future__ import annotations

import atexit
import itertools
import os
import threading
import time
from types import TracebackType
from typing import Optional, Type

from . import draft as drafts
from .counters import new_epoch
from .errors import NotifierError
from .options import read_options, seconds
from .wire import Wire


class Notifier:
    """A program that tells users things, live: who is connected to a gateway hears it at once, nobody hears it later.

    ``name``         how operators know this notifier: 1 to 100 characters
    ``registry``     the registry's REP endpoint; None: none, then the gateways' configuration names this notifier
    ``bind``         where gateways connect to: ``tcp://HOST:PORT`` (``*`` as port: any free one) or ``ipc://PATH``
    ``advertise``    the endpoint told to the registry, where gateways cannot use the bound one
    ``source``       ids are scoped by it: two programs of one source never show the same id twice. Default: the name
    ``ttl_seconds``  the registry forgets this notifier when it stays silent so long: 3 to 86,400
    ``max_bytes``    the largest body, in bytes: 1 to 1,048,576. Default as in gateways
    ``max_queued``   how many calls may wait to be sent at once: 1 to 1,000,000
    ``max_counters`` how many recipients are counted before a new epoch begins: 1 to 10,000,000

    All methods may be called from any thread, and from signal handlers. It belongs to the process that made it: after
    a fork the child makes its own. What is still open when the interpreter ends is closed then.

    Raises NotifierError ``notifier.options``, ``notifier.bind``.
    """

    def __init__(
        self,
        name: str,
        *,
        registry: Optional[str] = "tcp://127.0.0.1:20103",
        bind: str = "tcp://127.0.0.1:*",
        advertise: Optional[str] = None,
        source: Optional[str] = None,
        ttl_seconds: int = 30,
        max_bytes: int = 65_536,
        max_queued: int = 10_000,
        max_counters: int = 100_000,
    ) -> None:
        settings = read_options(
            name, registry, bind, advertise, source, ttl_seconds, max_bytes, max_queued, max_counters
        )
        self._source = settings.source
        self._max_bytes = settings.max_bytes
        self._process = os.getpid()
        self._closed = False
        self._ids = itertools.count(1)
        self._ids_lock = threading.RLock()
        self._id_prefix = new_epoch()
        self._wire = Wire(settings, self._id_prefix)
        atexit.register(self.close)

    @property
    def address(self) -> str:
        """The endpoint that gateways connect to."""
        return self._wire.address

    def ready(self, timeout: float = 5.0) -> None:
        """Returns when at least one gateway hears: what is sent before goes nowhere.

        Raises NotifierError ``notifier.notReady`` after ``timeout`` seconds, saying what is missing; ``notifier.closed``.
        """
        bounded = seconds("timeout", timeout, 1_000_000)
        self._assert_open()
        self._wire.until_heard(bounded)

    def notify(
        self,
        user: str,
        body: object,
        *,
        type: Optional[str] = None,
        id: Optional[str] = None,
        ttl: Optional[int] = None,
        collapse: Optional[str] = None,
        at: Optional[int] = None,
    ) -> str:
        """Tells one user, and returns the notification's id.

        ``body``     any JSON value; bytes must be JSON and go out byte for byte
        ``type``     what kind it is. Default ``notification``
        ``id``       1 to 128 characters. The same id sent again is shown once. Default: a new one
        ``ttl``      seconds after which nobody needs it any more: 1 to 31,536,000
        ``collapse`` replaces the earlier one with the same key
        ``at``       milliseconds since 1970. Default: now

        Returns when the socket has it, which is no promise that somebody heard. Raises NotifierError ``draft.…`` when
        no gateway would take it, ``notifier.busy``, ``notifier.closed``; then nothing was sent.
        """
        return self._send(drafts.user(user), body, type, id, ttl, collapse, at)

    def to_channel(
        self,
        channel: str,
        body: object,
        *,
        event: Optional[str] = None,
        id: Optional[str] = None,
        ttl: Optional[int] = None,
        collapse: Optional[str] = None,
        at: Optional[int] = None,
    ) -> str:
        """Tells everybody who is subscribed to the channel. ``event`` is the event's name, default ``message``."""
        return self._send(drafts.channel(channel), body, event, id, ttl, collapse, at)

    def to_everyone(
        self,
        body: object,
        *,
        type: Optional[str] = None,
        id: Optional[str] = None,
        ttl: Optional[int] = None,
        collapse: Optional[str] = None,
        at: Optional[int] = None,
    ) -> str:
        """Tells everybody who is connected."""
        return self._send(drafts.EVERYONE, body, type, id, ttl, collapse, at)

    def close(self, linger: float = 1.0) -> None:
        """Sends what waits, closes the socket when the gateways have it or after ``linger`` seconds, and leaves the
        registry. In a process that was forked off it does nothing."""
        bounded = seconds("linger", linger, 600)
        if os.getpid() != self._process:
            return
        self._closed = True
        self._wire.close(bounded)
        atexit.unregister(self.close)

    def __enter__(self) -> Notifier:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def _send(
        self,
        recipient: str,
        body: object,
        type: Optional[str],
        id: Optional[str],
        ttl: Optional[int],
        collapse: Optional[str],
        at: Optional[int],
    ) -> str:
        self._assert_open()
        chosen = self._new_id() if id is None else id
        now = int(time.time() * 1000) if at is None else at
        header = drafts.header(type, chosen, ttl, collapse, now, self._source)
        self._wire.send(drafts.Draft(recipient, header, drafts.encode_body(body, self._max_bytes)))
        return chosen

    def _new_id(self) -> str:
        with self._ids_lock:
            return f"{self._id_prefix}-{next(self._ids)}"

    def _assert_open(self) -> None:
        # Before any lock is touched: at the fork another thread may have held it, and nobody will release it here.
        if os.getpid() != self._process:
            raise NotifierError(
                "notifier.closed", "This notifier belongs to the process that was forked; make one after the fork."
            )
        if self._closed:
            raise NotifierError("notifier.closed")
