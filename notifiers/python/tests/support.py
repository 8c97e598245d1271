"""The other ends of the wires, as far as a notifier sees them."""
from __future__ import annotations

import json
import threading
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import zmq
from zmq.utils.monitor import recv_monitor_message


class Heard(NamedTuple):
    recipient: str
    header: Dict[str, Any]
    body: bytes


class GatewayStub:
    """What a gateway does on a notifier's socket, and nothing else. Lives in a thread of its own."""

    def __init__(self, address: str, *recipients: str, reads: bool = True) -> None:
        self.heard: List[Heard] = []
        self.heartbeats: List[Heard] = []
        self._reads = reads
        self._ended = False
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.XSUB)
        for option, value in ((zmq.SNDHWM, 0), (zmq.LINGER, 0), (zmq.RECONNECT_IVL, 20), (zmq.RCVHWM, 0 if reads else 1)):
            self._socket.setsockopt(option, value)
        self._monitor = self._socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        for recipient in ("!heartbeat", *recipients):
            self._socket.send(f"\x01{recipient}|".encode())
        self._socket.connect(address)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def until(self, count: int, within: float = 20) -> List[Heard]:
        until(f"{count} were heard", lambda: len(self.heard) >= count, within)
        return self.heard

    def close(self) -> None:
        self._ended = True
        self._thread.join()

    def _run(self) -> None:
        while not self._ended:
            if self._monitor.poll(0):
                recv_monitor_message(self._monitor)
                self._socket.send(b"\x01!ready|")
                self._socket.send(b"\x00!ready|")
            if self._reads and self._socket.poll(5):
                first, header, body = self._socket.recv_multipart()
                one = Heard(first.decode()[:-1], json.loads(header), body)
                (self.heartbeats if one.recipient == "!heartbeat" else self.heard).append(one)
        self._socket.disable_monitor()
        self._context.destroy(0)


Answer = Callable[[Dict[str, Any]], Optional[str]]


class RegistryStub:
    """A registry that answers what the test says; None: nothing at all."""

    def __init__(self, answer: Optional[Answer] = None, bind: str = "tcp://127.0.0.1:*") -> None:
        self.questions: List[Dict[str, Any]] = []
        self.addresses: List[str] = []
        self._answer = self._list if answer is None else answer
        self._ended = False
        self._context = zmq.Context()
        # A ROUTER may leave a question without an answer, as a registry that hangs does.
        self._socket = self._context.socket(zmq.ROUTER)
        until(f"{bind} is free", lambda: self._binds(bind))
        self.address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended = True
        self._thread.join()

    def _binds(self, address: str) -> bool:
        try:
            self._socket.bind(address)
        except zmq.ZMQError:
            return False
        return True

    def _run(self) -> None:
        while not self._ended:
            if self._socket.poll(5):
                peer, empty, question = self._socket.recv_multipart()
                self.questions.append(json.loads(question))
                answer = self._answer(self.questions[-1])
                if answer is not None:
                    self._socket.send_multipart([peer, empty, answer.encode()])
        self._socket.close(200)
        self._context.term()

    def _list(self, question: Dict[str, Any]) -> str:
        address = question["address"]
        if question["type"] == "remove-publisher":
            self.addresses.remove(address)
        elif address not in self.addresses:
            self.addresses.append(address)
        return json.dumps(self.addresses)


def until(what: str, is_so: Callable[[], bool], within: float = 20) -> None:
    """Waits until something is so, and says what it waited for when it never is."""
    deadline = time.monotonic() + within
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {within} s in vain until {what}")
        time.sleep(0.005)
