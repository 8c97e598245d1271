"""This notifier's place in a registry."""
from __future__ import annotations

import json
import re
import time
from typing import Any, List, Mapping, Optional

import zmq

from .options import Settings, is_ipv6

_TIMEOUT = 1.0
_FIRST_RETRY = 0.25
_MAX_REPLY_BYTES = 1_048_576
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Lease:
    """Asked for at once, renewed at a third of its time, asked for again and again while the registry is away. Nothing
    that a registry does or says stops the notifier.

    Belongs to one thread, which polls ``socket`` and calls ``step`` when it is readable and at ``next_at``. Each
    question has a socket of its own: a lost answer can block nothing that comes after it.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], registry: str, address: str, settings: Settings):
        self._context = context
        self._registry = registry
        self._address = address
        self._add = {"type": "add-publisher", "address": address, "name": settings.name, "ttl": settings.ttl_seconds}
        self._renew_after = settings.ttl_seconds / 3
        self._failures = 0
        self._hurry = False
        #: What is being asked on; None: nothing is being asked.
        self.socket: Optional[zmq.Socket[bytes]] = None
        #: When the answer is late, or when to ask next.
        self.next_at = 0.0
        #: What is wrong with the registry, in a sentence; None: we stand in its list.
        self.problem: Optional[str] = "The registry has not answered yet."

    def renew(self) -> None:
        """Asks now, or again right after what is being asked, and begins a new row of tries."""
        self._failures = 0
        if self.socket is None:
            self.next_at = 0.0
        else:
            self._hurry = True

    def step(self, now: float) -> None:
        """Does what can be done now, without waiting."""
        if self.socket is None:
            if now >= self.next_at:
                self._ask(self._add, now)
        else:
            self._listen(self.socket, now)

    def end(self) -> None:
        """Takes the entry back, where there is one. Bounded by two questions."""
        self._finish()
        if self.problem is None:
            # Without an answer it forgets us by itself, when the lease runs out.
            self._ask({"type": "remove-publisher", "address": self._address}, time.monotonic())
            self._finish()

    def _finish(self) -> None:
        """Waits for the answer to what is being asked, until it is late."""
        while self.socket is not None:
            self.socket.poll(max(0, int((self.next_at - time.monotonic()) * 1000)) + 1)
            self.step(time.monotonic())

    def _ask(self, question: Mapping[str, object], now: float) -> None:
        socket = self._context.socket(zmq.REQ)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.IPV6, int(is_ipv6(self._registry)))
        socket.setsockopt(zmq.MAXMSGSIZE, _MAX_REPLY_BYTES)
        self.socket, self.next_at = socket, now + _TIMEOUT
        try:
            socket.connect(self._registry)
            socket.send(json.dumps(question).encode(), zmq.DONTWAIT)
        except zmq.ZMQError as error:
            self._settle(f"The registry at {self._registry} cannot be asked: {error}.", now)

    def _listen(self, socket: zmq.Socket[bytes], now: float) -> None:
        try:
            reply = socket.recv_multipart(zmq.DONTWAIT)
        except zmq.Again:
            if now >= self.next_at:
                late = f"The registry at {self._registry} did not answer within {_TIMEOUT * 1000:.0f} ms."
                self._settle(late, now)
        else:
            self._settle(self._judge(reply), now)

    def _settle(self, problem: Optional[str], now: float) -> None:
        if self.socket is not None:
            self.socket.close(0)
            self.socket = None
        self.problem = problem
        self._failures = 0 if problem is None else self._failures + 1
        self.next_at = now + self._pause()
        self._hurry = False

    def _pause(self) -> float:
        if self._hurry:
            return _FIRST_RETRY
        if self._failures == 0:
            return self._renew_after
        return min(self._renew_after, _FIRST_RETRY * (1 << min(self._failures - 1, 10)))

    def _judge(self, reply: List[bytes]) -> Optional[str]:
        """A registry answers with the list of addresses, or with an error. Everything else is nonsense."""
        try:
            answer: Any = json.loads(reply[0])
        except (ValueError, RecursionError):
            answer = None
        if isinstance(answer, list) and all(isinstance(entry, str) for entry in answer):
            return None if self._address in answer else f"The registry at {self._registry} did not list {self._address}."
        error = answer.get("error") if isinstance(answer, dict) else None
        if not isinstance(error, dict):
            return f"What answers at {self._registry} is no registry."
        # It stands in our error messages: no line breaks, no flood.
        refusal = _CONTROL.sub(" ", f"{error.get('message')} ({error.get('code')})")[:300]
        return f"The registry at {self._registry} refused: {refusal}"
