"""Tells users what time it is, with pyzmq alone: npm run notifier clock.py -- [--every SECONDS] [USER...]

The full form: with ids and numbers, so that nothing is shown twice and every loss is seen; a heartbeat, so that
gateways know this program to be alive; a lease at the registry, so that they find it.
"""
import argparse
import json
import os
import secrets
import signal
import time

import zmq

REGISTRY = os.environ.get("HERALDO_REGISTRY", "tcp://127.0.0.1:20103")
SOURCE = "clock"
EPOCH = secrets.token_urlsafe(8)  # new in each life: the numbers begin again
LEASE_SECONDS = 30
context = zmq.Context()


def encode(user):
    """What could be mistaken for punctuation is percent-encoded, and nothing else."""
    text = "".join(f"%{ord(c):02X}" if ord(c) < 32 or c in "\x7f%|" else c for c in user)
    return f"%{ord(text[0]):02X}{text[1:]}" if text[0] in "#*!" else text


def register(address, kind="add-publisher"):
    """True when the registry has answered with its list. A socket for each question: a lost answer blocks nothing."""
    question = {"type": kind, "address": address, "name": SOURCE, "ttl": LEASE_SECONDS}
    with context.socket(zmq.REQ) as registry:
        registry.setsockopt(zmq.LINGER, 0)
        registry.setsockopt(zmq.RCVTIMEO, 1000)
        registry.connect(REGISTRY)
        try:
            registry.send_string(json.dumps(question))
            return address in json.loads(registry.recv())
        except (zmq.Again, ValueError):
            return False


class Notifier:
    def __init__(self):
        # XPUB, not PUB: it takes subscriptions in when it is asked to, not only when it sends.
        self.socket = context.socket(zmq.XPUB)
        for option in (zmq.HEARTBEAT_TIMEOUT, zmq.HEARTBEAT_TTL):
            self.socket.setsockopt(option, 6000)
        self.socket.setsockopt(zmq.HEARTBEAT_IVL, 2000)
        self.socket.setsockopt(zmq.LINGER, 1000)
        port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self.address = f"tcp://127.0.0.1:{port}"
        self.counts = {}
        self.sent = 0

    def notify(self, user, body, **header):
        recipient = encode(user) + "|"
        self.sent += 1
        self.counts[recipient] = self.counts.get(recipient, 0) + 1
        header |= {"v": 1, "id": f"{EPOCH}-{self.sent}", "at": int(time.time() * 1000)}
        header |= {"source": SOURCE, "epoch": EPOCH, "seq": self.counts[recipient]}
        self.send(recipient, header, body)

    def heartbeat(self):
        self.send("!heartbeat|", {"source": SOURCE, "epoch": EPOCH}, {})

    def send(self, recipient, header, body):
        self.socket.send_multipart([recipient.encode(), json.dumps(header).encode(), json.dumps(body).encode()])

    def listen(self, seconds):
        """Takes subscriptions in. One to `!ready|` would say that a gateway hears everything from now on."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and running:
            if self.socket.poll(min(left, 0.1) * 1000):
                self.socket.recv()


running = True


def stop(*_):
    global running
    running = False


def main():
    words = argparse.ArgumentParser(description="Tells users what time it is.")
    words.add_argument("--every", type=float, default=5, metavar="SECONDS")
    words.add_argument("users", nargs="*", default=["42", "43"], metavar="USER")
    given = words.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)

    clock = Notifier()
    print(f"clock: tells {', '.join(given.users)} the time from {clock.address}", flush=True)
    tick = beat = renewal = time.monotonic()
    while running:
        now = time.monotonic()
        if now >= renewal:
            renewal = now + (LEASE_SECONDS / 3 if register(clock.address) else 1)
        if now >= beat:
            beat = now + 1
            clock.heartbeat()
        if now >= tick:
            tick = now + given.every
            body = {"text": time.strftime("It is %H:%M:%S"), "from": "clock"}
            for user in given.users:
                clock.notify(user, body, type="clock.tick", ttl=60)
        clock.listen(min(tick, beat, renewal) - time.monotonic())
    clock.socket.close()  # what was sent still leaves; only then the registry may forget us
    register(clock.address, "remove-publisher")
    context.term()


if __name__ == "__main__":
    main()
