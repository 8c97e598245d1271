"""Tells users what time it is: python3 clock.py [--every SECONDS] [USER...]"""
import argparse
import os
import signal
import threading
import time

from heraldo_notifier import Notifier

words = argparse.ArgumentParser(description="Tells users what time it is.")
words.add_argument("--every", type=float, default=5, metavar="SECONDS")
words.add_argument("users", nargs="*", default=["42", "43"], metavar="USER")
given = words.parse_args()
if not given.every > 0:
    words.error(f"--every is a number of seconds above 0, not {given.every:g}")

stop = threading.Event()
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: stop.set())

with Notifier("clock", registry=os.environ.get("HERALDO_REGISTRY", "tcp://127.0.0.1:20103")) as clock:
    print(f"clock: tells {', '.join(given.users)} the time from {clock.address}", flush=True)
    while True:
        text = time.strftime("It is %H:%M:%S")
        for user in given.users:
            clock.notify(user, {"text": text, "from": "clock"}, type="clock.tick", ttl=60)
        if stop.wait(given.every):
            break
