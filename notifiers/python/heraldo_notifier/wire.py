"""The background thread: the only one that touches sockets, because they are not made for two."""
from __future__ import annotations

import json
import socket as sockets
import threading
import time
from typing import Optional

import zmq

from .audience import Audience
from .counters import Counters
from .draft import Draft
from .errors import NotifierError
from .lease import Lease
from .options import Settings, is_ipv6
from .outbox import Outbox

_HEARTBEAT = 1.0
_SUBSCRIPTIONS_A_TURN = 1000
# What closing may take beside the linger: two questions to the registry, and a little.
_GRACE = 4.0
_OPTIONS = {
    zmq.SNDHWM: 10_000,
    # ZMTP's own heartbeats notice a peer that vanished without a word, as gateways do on their side.
    zmq.HEARTBEAT_IVL: 2000,
    zmq.HEARTBEAT_TIMEOUT: 6000,
    zmq.HEARTBEAT_TTL: 6000,
    zmq.HANDSHAKE_IVL: 5000,
    zmq.BACKLOG: 1024,
    # What comes in is subscriptions. A stranger may not announce gigabytes.
    zmq.MAXMSGSIZE: 4096,
    zmq.LINGER: 0,
}


class Wire:
    """An XPUB that takes subscriptions in all the time (a PUB takes them in only when it sends), the heartbeat and the
    lease. Its public methods may be called from any thread."""

    def __init__(self, settings: Settings, epoch: str) -> None:
        """Raises NotifierError ``notifier.bind``."""
        self._settings = settings
        # Contexts of our own: to end one is to wait until everything has left, and the registry comes after that.
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._registry_context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._bind()
        self.address = settings.advertise or self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._woken, self._waker = sockets.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._counters = Counters(settings.max_counters, epoch)
        self._outbox = Outbox(settings.max_queued, self._wake)
        self._lease: Optional[Lease] = None
        if settings.registry is not None:
            self._lease = Lease(self._registry_context, settings.registry, self.address, settings)
        self._audience = Audience(self._on_gone)
        self._linger = 0.0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f"heraldo-notifier-{settings.name}", daemon=True)
        self._thread.start()

    def send(self, draft: Draft) -> None:
        """Returns when the socket has it. Raises NotifierError ``notifier.busy``, ``notifier.closed``."""
        self._outbox.push(draft)

    def until_heard(self, timeout: float) -> None:
        """Raises NotifierError ``notifier.notReady``, ``notifier.closed``."""
        if not self._audience.until_heard(timeout):
            said = f"No gateway heard within {timeout:g} s. {self._what_is_missing()}"
            raise NotifierError("notifier.notReady", said)

    def close(self, linger: float) -> None:
        """Returns when everything is over, or when it takes longer than it may."""
        if not self._closing:
            self._linger = linger
            self._outbox.close()
            self._closing = True
            self._wake()
        self._thread.join(self._linger + _GRACE)

    def _bind(self) -> zmq.Socket[bytes]:
        bind = self._settings.bind
        socket = self._context.socket(zmq.XPUB)
        try:
            for option, value in _OPTIONS.items():
                socket.setsockopt(option, value)
            socket.setsockopt(zmq.IPV6, int(is_ipv6(bind)))
            socket.bind(bind)
        except zmq.ZMQError as cause:
            self._context.destroy(0)
            self._registry_context.destroy(0)
            raise NotifierError("notifier.bind", f"{bind} cannot be bound: {cause}.") from cause
        return socket

    def _run(self) -> None:
        try:
            self._speak()
        finally:
            self._outbox.abandon()
            self._audience.close()
            self._part()

    def _speak(self) -> None:
        beat_at = time.monotonic() + _HEARTBEAT
        while not self._closing:
            self._sleep(beat_at)
            self._take_subscriptions()
            self._outbox.send_all(self._send)
            now = time.monotonic()
            if now >= beat_at:
                beat_at = now + _HEARTBEAT
                self._beat()
            if self._lease is not None:
                self._lease.step(now)
        self._outbox.send_all(self._send)

    def _sleep(self, until: float) -> None:
        """Until there is something to do."""
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._woken, zmq.POLLIN)
        if self._lease is not None:
            until = min(until, self._lease.next_at)
            if self._lease.socket is not None:
                poller.register(self._lease.socket, zmq.POLLIN)
        left = max(0.0, until - time.monotonic())
        poller.poll(0 if len(self._outbox) > 0 else int(left * 1000) + 1)
        try:
            self._woken.recv(4096)
        except BlockingIOError:
            pass  # it was something else

    def _wake(self) -> None:
        try:
            self._waker.send(b"!")
        except BlockingIOError:
            pass  # enough wakes are under way

    def _take_subscriptions(self) -> None:
        for _ in range(_SUBSCRIPTIONS_A_TURN):
            try:
                frame = self._socket.recv(zmq.DONTWAIT)
            except zmq.Again:
                return
            self._audience.take(frame)

    def _send(self, draft: Draft) -> None:
        seq = self._counters.next(draft.recipient)
        self._socket.send_multipart(draft.frames(self._counters.epoch, seq), zmq.DONTWAIT)
        self._counters.sent(draft.recipient, seq)

    def _beat(self) -> None:
        header = {"source": self._settings.source, "epoch": self._counters.epoch}
        self._socket.send_multipart([b"!heartbeat|", json.dumps(header).encode(), b"{}"], zmq.DONTWAIT)

    def _on_gone(self) -> None:
        # A gateway that served the registry took our entry with it.
        if self._lease is not None:
            self._lease.renew()

    def _part(self) -> None:
        self._socket.close(int(self._linger * 1000))
        self._context.term()
        # Only now: a gateway hears whoever leaves the registry to the end of what has reached it, and no further.
        if self._lease is not None:
            self._lease.end()
        self._registry_context.term()
        self._woken.close()
        self._waker.close()

    def _what_is_missing(self) -> str:
        if self._lease is None:
            return f"Gateways must know {self.address} by their configuration (zeromq.notifiers)."
        listed = f"The registry at {self._settings.registry} lists {self.address}, but no gateway came."
        return self._lease.problem or listed
