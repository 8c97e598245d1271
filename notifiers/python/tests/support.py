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


class Asked(NamedTuple):
    id: str
    recipients: List[str]
    header: Dict[str, Any]
    body: bytes


Behave = Callable[[Asked], List[bytes]]


def refusal(id: str, code: str, retry: bool, **more: Any) -> bytes:
    error = {"code": code, "message": f"It is {code}.", "retry": retry, **more}
    return json.dumps({"ok": False, "id": id, "error": error}).encode()


class IngestStub:
    """A gateway's ingest with a memory of its own, and every fault that a test wants: what ``behave`` returns is sent
    back, in order; nothing is silence."""

    def __init__(self, bind: str = "tcp://127.0.0.1:*") -> None:
        self.asked: List[Asked] = []
        self.stored: Dict[Any, bytes] = {}
        self.store = "first"
        self.behave: Behave = lambda one: [self.keep(one)]
        self._seqs: Dict[str, int] = {}
        self._ended = False
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        for option, value in ((zmq.LINGER, 100), (zmq.SNDHWM, 0), (zmq.RCVHWM, 0), (zmq.ROUTER_HANDOVER, 1)):
            self._socket.setsockopt(option, value)
        until(f"{bind} is free", lambda: self._binds(bind))
        self.address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def bodies(self) -> List[Any]:
        return [json.loads(body) for body in self.stored.values()]

    def forget(self, store: str) -> None:
        """The store forgets, and another life of it begins."""
        self.store = store
        self.stored.clear()

    def keep(self, one: Asked) -> bytes:
        """The right answer; the copies are stored."""
        keys = [(to, one.header.get("source", ""), one.id) for to in one.recipients]
        fresh = [key for key in keys if key not in self.stored]
        for key in fresh:
            self.stored[key] = one.body
            self._seqs[key[0]] = self._seqs.get(key[0], 0) + 1
        kept = [] if one.header.get("keep") is False else [to for to in one.recipients if to[0] not in "*#"]
        positions = {to: {"epoch": self.store, "seq": self._seqs[to]} for to in kept}
        answer = {"ok": True, "id": one.id, "duplicate": not fresh, "positions": positions, "store": self.store}
        return json.dumps(answer).encode()

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
                peer, header, body = self._socket.recv_multipart()
                said = json.loads(header)
                to = said["recipient"]
                self.asked.append(Asked(said["id"], to if isinstance(to, list) else [to], said, body))
                for reply in self.behave(self.asked[-1]):
                    self._socket.send_multipart([peer, reply])
        self._socket.close(100)
        self._context.term()


def until(what: str, is_so: Callable[[], bool], within: float = 20) -> None:
    """Waits until something is so, and says what it waited for when it never is."""
    deadline = time.monotonic() + within
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {within} s in vain until {what}")
        time.sleep(0.005)
