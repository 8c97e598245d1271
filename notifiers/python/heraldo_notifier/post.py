"""The sender's background thread: the only one that touches its socket, because sockets are not made for two."""
from __future__ import annotations

import socket as sockets
import threading
import time
from collections import deque
from typing import Callable, Deque, List, Optional

import zmq
from zmq.utils.monitor import recv_monitor_message

from .courier import Courier
from .errors import NotifierError
from .options import SenderSettings, is_ipv6
from .request import Request
from .spool import Entry, Outcome

_ANSWERS_A_TURN = 1000
# What closing may take beside the time to drain.
_GRACE = 4.0
_OPTIONS = {
    # Nothing is handed to a connection that does not stand, and nothing outlives the socket: the spool has it all.
    zmq.IMMEDIATE: 1,
    zmq.LINGER: 0,
    zmq.SNDHWM: 1000,
    zmq.RCVHWM: 10_000,
    zmq.HEARTBEAT_IVL: 2000,
    zmq.HEARTBEAT_TIMEOUT: 6000,
    zmq.HEARTBEAT_TTL: 6000,
    zmq.HANDSHAKE_IVL: 5000,
    # A thousand recipients of two hundred bytes, percent-encoded, each with its position.
    zmq.MAXMSGSIZE: 4_194_304,
}


class Post:
    """A DEALER to one gateway at a time. Its public methods may be called from any thread.

    The thread takes no lock: whoever holds one may be interrupted by a signal, whose handler may notify and wait for
    that thread.
    """

    def __init__(self, settings: SenderSettings) -> None:
        self._settings = settings
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket: Optional[zmq.Socket[bytes]] = None
        self._monitor: Optional[zmq.Socket[bytes]] = None
        self._gateway = 0
        #: Flies by the courier's book, and waits for a socket that takes it.
        self._stuck: Optional[Entry] = None
        self._courier = Courier(settings, self._hang_up)
        self._letters: Deque[Entry] = deque()
        # Among callers, so that the bound is exact; reentrant for the sake of signals' handlers.
        self._lock = threading.RLock()
        self._taken = 0
        self._taken_bytes = 0
        self._woken, self._waker = sockets.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._drain_until: Optional[float] = None
        self._has_ended = False
        self._left: List[str] = []
        self._thread = threading.Thread(target=self._run, name="heraldo-sender", daemon=True)
        self._thread.start()

    def send(self, request: Request, settle: Callable[[Outcome], None]) -> None:
        """``settle`` is called once, by the background thread. Raises NotifierError ``spool.full``, ``notifier.closed``."""
        with self._lock:
            if self._drain_until is not None:
                raise NotifierError("notifier.closed", id=request.id)
            spooled = self._taken - self._courier.settled
            spooled_bytes = self._taken_bytes - self._courier.settled_bytes
            is_over = spooled_bytes + request.size > self._settings.max_spooled_bytes
            # One that is larger than the whole bound still passes, alone.
            if spooled >= self._settings.max_spooled or (spooled > 0 and is_over):
                raise NotifierError("spool.full", id=request.id)
            self._taken += 1
            self._taken_bytes += request.size
            self._letters.append(Entry(request, settle))
        if self._has_ended:
            self._refuse_letters()  # it was closed since we looked
        else:
            self._wake()

    def close(self, drain: float) -> List[str]:
        """Returns the ids of what was not acknowledged, when everything else was or after ``drain`` seconds."""
        if self._drain_until is None:
            self._drain_until = time.monotonic() + drain
            self._wake()
        self._thread.join(max(0.0, self._drain_until - time.monotonic()) + _GRACE)
        return list(self._left)

    def _run(self) -> None:
        try:
            while not self._is_over():
                self._sleep()
                self._take_letters()
                now = time.monotonic()
                self._listen(now)
                self._watch(now)
                self._courier.look(now)
                self._send_all(now)
        finally:
            self._left = self._courier.give_up()
            self._has_ended = True
            self._refuse_letters()
            self._hang_up()
            self._context.term()
            self._woken.close()
            self._waker.close()

    def _is_over(self) -> bool:
        if self._drain_until is None:
            return False
        now = time.monotonic()
        self._courier.repeat(now)
        return (self._courier.is_done and not self._letters) or now >= self._drain_until

    def _sleep(self) -> None:
        """Until there is something to do."""
        poller = zmq.Poller()
        poller.register(self._woken, zmq.POLLIN)
        if self._socket is not None and self._monitor is not None:
            poller.register(self._socket, zmq.POLLIN | (0 if self._stuck is None else zmq.POLLOUT))
            poller.register(self._monitor, zmq.POLLIN)
        due = [at for at in (self._courier.next_look(), self._drain_until) if at is not None]
        timeout = None if not due else max(0, int((min(due) - time.monotonic()) * 1000) + 1)
        poller.poll(0 if self._letters else timeout)
        try:
            self._woken.recv(4096)
        except BlockingIOError:
            pass  # it was something else

    def _wake(self) -> None:
        try:
            self._waker.send(b"!")
        except OSError:
            pass  # enough wakes are under way, or it has ended

    def _take_letters(self) -> None:
        while self._letters:
            self._courier.add(self._letters.popleft())

    def _refuse_letters(self) -> None:
        while True:
            try:
                entry = self._letters.popleft()
            except IndexError:
                return
            if entry.settle is not None:
                entry.settle(NotifierError("notifier.closed", id=entry.request.id))

    def _listen(self, now: float) -> None:
        for _ in range(_ANSWERS_A_TURN):
            if self._socket is None:
                return
            try:
                frames = self._socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            self._courier.hear(frames[-1], now)

    def _watch(self, now: float) -> None:
        while self._monitor is not None and self._monitor.poll(0):
            recv_monitor_message(self._monitor)
            self._courier.lost(now)

    def _send_all(self, now: float) -> None:
        if self._stuck is not None and not self._put(self._stuck):
            return
        self._stuck = None
        while True:
            entry = self._courier.take_next(now)
            if entry is None:
                return
            if not self._put(entry):
                self._stuck = entry if self._socket is not None else None
                return

    def _put(self, entry: Entry) -> bool:
        try:
            if self._socket is None:
                self._connect()
            if self._socket is not None:
                self._socket.send_multipart(entry.request.frames, zmq.DONTWAIT)
            return True
        except zmq.Again:
            return False
        except zmq.ZMQError:
            # Not even a socket is to be had. That is as if nobody were there.
            self._courier.lost(time.monotonic())
            return False

    def _connect(self) -> None:
        address = self._settings.ingest[self._gateway % len(self._settings.ingest)]
        socket = self._context.socket(zmq.DEALER)
        self._socket = socket
        for option, value in _OPTIONS.items():
            socket.setsockopt(option, value)
        socket.setsockopt(zmq.IPV6, int(is_ipv6(address)))
        self._monitor = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED | zmq.EVENT_CONNECT_RETRIED)
        socket.connect(address)

    def _hang_up(self) -> None:
        self._stuck = None
        self._gateway += 1
        if self._socket is not None:
            self._socket.disable_monitor()
            self._socket.close(0)
            self._socket = None
        if self._monitor is not None:
            self._monitor.close(0)
            self._monitor = None
