"""The public face of what is kept: judges what it is given, in the caller's thread, and hands it on."""
from __future__ import annotations

import atexit
import os
import queue
import secrets
import threading
from concurrent.futures import Future
from types import TracebackType
from typing import Callable, Dict, List, Optional, Sequence, Type, Union

from . import request as requests
from .answer import Acknowledged
from .errors import NotifierError
from .latch import Latch
from .options import read_sender_options, seconds
from .post import Post
from .request import Request
from .spool import Outcome

Users = Union[str, Sequence[str]]


class Sender:
    """A program that tells users things they must not miss: kept in their inboxes, and acknowledged.

    ``ingest``            the gateways' ingest endpoint, or a list of them, the preferred one first; the next one is
                          taken when one does not answer. They must share one store
    ``source``            ids and collapse keys are scoped by it: 1 to 100 characters. Default: none
    ``max_bytes``         the largest body, in bytes: 1 to 1,048,576. Default as in gateways
    ``timeout``           an answer that takes longer is late, and the same is sent again: 0.1 to 600 seconds
    ``window``            how many may be sent and not yet answered: 1 to 100,000
    ``max_spooled``       how many may wait for their acknowledgement, sent or not: 1 to 1,000,000
    ``max_spooled_bytes`` how many bytes these may have together: 1 to 1,073,741,824

    All methods may be called from any thread, and all but ``notify_later`` from signal handlers. It belongs to the
    process that made it: after a fork the child makes its own. What is still open when the interpreter ends is closed
    then.

    Raises NotifierError ``notifier.options``.
    """

    def __init__(
        self,
        ingest: Union[str, Sequence[str]] = "tcp://127.0.0.1:20100",
        *,
        source: Optional[str] = None,
        max_bytes: int = 65_536,
        timeout: float = 5.0,
        window: int = 1000,
        max_spooled: int = 10_000,
        max_spooled_bytes: int = 67_108_864,
    ) -> None:
        settings = read_sender_options(ingest, source, max_bytes, timeout, window, max_spooled, max_spooled_bytes)
        self._source = settings.source
        self._max_bytes = settings.max_bytes
        self._process = os.getpid()
        self._closed = False
        self._post = Post(settings)
        self._herald = _Herald()
        atexit.register(self.close)

    def notify(
        self,
        users: Users,
        body: object,
        *,
        type: Optional[str] = None,
        id: Optional[str] = None,
        ttl: Optional[int] = None,
        collapse: Optional[str] = None,
        keep: Optional[bool] = None,
    ) -> Acknowledged:
        """Tells one user, or up to 1,000, and returns when every copy is stored; until then it is sent again, under the
        same id.

        ``body``     any JSON value; bytes must be JSON and go out byte for byte
        ``type``     what kind it is. Default ``notification``
        ``id``       1 to 128 characters. The same id sent again to the same user is kept once, also when another
                     process sends it. Default: a new one
        ``ttl``      seconds for which it stands: 1 to 31,536,000. Default: as long as the inbox lets it
        ``collapse`` replaces the user's earlier unread one with the same key
        ``keep``     False: only who is connected hears it. Default True

        Raises NotifierError ``draft.…`` or what a gateway refused it with, for good; ``spool.full`` at once when too many
        wait; ``notifier.closed``; ``notifier.unacknowledged`` when the sender closed before an answer came.
        """
        return self._wait(self._request(requests.users, users, body, type, id, ttl, collapse, keep))

    def notify_later(
        self,
        users: Users,
        body: object,
        *,
        type: Optional[str] = None,
        id: Optional[str] = None,
        ttl: Optional[int] = None,
        collapse: Optional[str] = None,
        keep: Optional[bool] = None,
    ) -> Future[Acknowledged]:
        """The same without waiting: many may be under way at once, in the order of the calls. What is refused here,
        ``spool.full`` included, is raised at once; what a gateway says is in the future, which cannot be cancelled."""
        future: Future[Acknowledged] = Future()
        future.set_running_or_notify_cancel()
        request = self._request(requests.users, users, body, type, id, ttl, collapse, keep)
        self._herald.start()
        self._post.send(request, lambda outcome: self._herald.tell(future, outcome))
        return future

    def to_channel(
        self,
        channel: str,
        body: object,
        *,
        event: Optional[str] = None,
        id: Optional[str] = None,
        ttl: Optional[int] = None,
        collapse: Optional[str] = None,
    ) -> Acknowledged:
        """Tells everybody who is subscribed to the channel, live: whoever is not there never hears of it."""
        return self._wait(self._request(requests.channel, channel, body, event, id, ttl, collapse, None))

    def to_everyone(
        self,
        body: object,
        *,
        type: Optional[str] = None,
        id: Optional[str] = None,
        ttl: Optional[int] = None,
        collapse: Optional[str] = None,
    ) -> Acknowledged:
        """Tells everybody who is connected, live."""
        return self._wait(self._request(requests.everyone, "*", body, type, id, ttl, collapse, None))

    def close(self, drain: float = 5.0) -> List[str]:
        """Waits until everything is answered, at most ``drain`` seconds, and closes. Returns the ids that no gateway has
        acknowledged; who waits for them hears ``notifier.unacknowledged``. In a process that was forked off it does
        nothing."""
        bounded = seconds("drain", drain, 600)
        if os.getpid() != self._process:
            return []
        self._closed = True
        left = self._post.close(bounded)
        self._herald.close()
        atexit.unregister(self.close)
        return left

    def __enter__(self) -> Sender:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        """Raises NotifierError ``notifier.unacknowledged`` when something was not, so that it is not lost in silence."""
        left = self.close()
        if left and error is None:
            said = f"{len(left)} were not acknowledged before the sender closed: {', '.join(left[:10])}."
            raise NotifierError("notifier.unacknowledged", said, id=left[0])

    def _request(
        self,
        name: Callable[[Users], Dict[str, str]],
        recipients: Users,
        body: object,
        type: Optional[str],
        id: Optional[str],
        ttl: Optional[int],
        collapse: Optional[str],
        keep: Optional[bool],
    ) -> Request:
        self._assert_open()
        # Unlike any other, in this process and in all others.
        chosen = secrets.token_urlsafe(16) if id is None else id
        wires = name(recipients)
        return requests.request(wires, body, type, chosen, ttl, collapse, keep, self._source, self._max_bytes)

    def _wait(self, request: Request) -> Acknowledged:
        letter = _Letter()
        self._post.send(request, letter.settle)
        return letter.wait()

    def _assert_open(self) -> None:
        # Before any lock is touched: at the fork another thread may have held it, and nobody will release it here.
        if os.getpid() != self._process:
            raise NotifierError(
                "notifier.closed", "This sender belongs to the process that was forked; make one after the fork."
            )
        if self._closed:
            raise NotifierError("notifier.closed")


class _Letter:
    """What one caller waits for. No future: those hold a lock while they run Python code, and a signal's handler that
    notifies in that moment would wait for the background thread, and that thread for the lock."""

    def __init__(self) -> None:
        self._settled = Latch()
        self._outcome: Optional[Outcome] = None

    def settle(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._settled.set()

    def wait(self) -> Acknowledged:
        self._settled.wait()
        if isinstance(self._outcome, Acknowledged):
            return self._outcome
        raise self._outcome or NotifierError("notifier.unacknowledged")


class _Herald:
    """Tells futures what became of them, in a thread of its own: their callbacks may take long, or notify and wait."""

    def __init__(self) -> None:
        self._news: queue.SimpleQueue[Optional[Callable[[], None]]] = queue.SimpleQueue()
        self._lock = threading.RLock()
        self._thread: Optional[threading.Thread] = None

    def start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="heraldo-herald", daemon=True)
                self._thread.start()

    def tell(self, future: Future[Acknowledged], outcome: Outcome) -> None:
        if isinstance(outcome, Acknowledged):
            acknowledged = outcome
            self._news.put(lambda: future.set_result(acknowledged))
        else:
            refused = outcome
            self._news.put(lambda: future.set_exception(refused))

    def close(self) -> None:
        """Returns when every future knows. A callback of one may close as well, and does not wait for itself."""
        self._news.put(None)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_GRACE)

    def _run(self) -> None:
        while True:
            news = self._news.get()
            if news is None:
                return
            news()


_GRACE = 5.0
