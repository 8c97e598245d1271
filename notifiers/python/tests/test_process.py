from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import unittest
from pathlib import Path
from typing import Any

from .support import GatewayStub, IngestStub, RegistryStub, until

ROOT = str(Path(__file__).parent.parent)


class ProcessTest(unittest.TestCase):
    def program(self, text: str) -> Any:
        """A program of somebody else's that uses the SDK."""
        source = f"from heraldo_notifier import Notifier, NotifierError, Sender\n{text}"
        environment = {**os.environ, "PYTHONPATH": ROOT, "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-W", "error::ResourceWarning", "-c", source]
        child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

        def end() -> None:
            child.kill()
            child.communicate()

        self.addCleanup(end)
        return child

    def test_a_program_that_just_ends_has_delivered_its_last_message_and_left_the_registry(self) -> None:
        registry = RegistryStub()
        self.addCleanup(registry.close)
        child = self.program(f"""
orders = Notifier("orders", registry="{registry.address}")
orders.ready(20)
for n in range(3000):
    orders.notify("42", {{"n": n, "pad": "x" * 1000}})
""")
        until("it is registered", lambda: len(registry.addresses) == 1)
        gateway = GatewayStub(registry.addresses[0], "42")
        self.addCleanup(gateway.close)
        self.assertEqual((*child.communicate(timeout=20), child.returncode), ("", "", 0))
        self.assertEqual(json.loads(gateway.until(3000)[-1].body)["n"], 2999)
        self.assertEqual(registry.addresses, [])

    def test_a_program_with_nobody_there_ends_quickly(self) -> None:
        began = time.monotonic()
        child = self.program("""
with Notifier("orders", registry="tcp://127.0.0.1:1") as orders:
    orders.notify("42", "nobody hears this")
raise SystemExit(3)
""")
        self.assertEqual((*child.communicate(timeout=20), child.returncode), ("", "", 3))
        self.assertLess(time.monotonic() - began, 8)

    def test_in_a_process_that_was_forked_off_it_is_closed_and_the_parent_goes_on(self) -> None:
        child = self.program("""
import os, sys
orders = Notifier("orders", registry=None)
print(orders.address, flush=True)
orders.ready(20)
orders.notify("42", "before")
process = os.fork()
if process == 0:
    try:
        orders.notify("42", "from the child")
    except NotifierError as error:
        code = error.code
    orders.close()
    with Notifier("child", registry=None) as own:
        own.notify("42", "to nobody")
    sys.exit(7 if code == "notifier.closed" else 8)
assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 7
orders.notify("42", "after")
""")
        gateway = GatewayStub(child.stdout.readline().strip(), "42")
        self.addCleanup(gateway.close)
        output, complaints = child.communicate(timeout=20)
        self.assertEqual(child.returncode, 0, complaints)
        self.assertEqual([one.body for one in gateway.until(2)], [b'"before"', b'"after"'])

    def test_a_signal_handler_may_notify_while_the_program_does(self) -> None:
        child = self.program("""
import signal
orders = Notifier("orders", registry=None)
count = 0
def alarm(*_):
    global count
    count += 1
    orders.notify("43", count)
    if count < 300:
        signal.setitimer(signal.ITIMER_REAL, 0.001)
signal.signal(signal.SIGALRM, alarm)
signal.setitimer(signal.ITIMER_REAL, 0.001)
print(orders.address, flush=True)
orders.ready(20)
while count < 300:
    orders.notify("42", 1)
""")
        gateway = GatewayStub(child.stdout.readline().strip())
        self.addCleanup(gateway.close)
        self.assertEqual((*child.communicate(timeout=20), child.returncode), ("", "", 0))

    def test_a_program_that_just_ends_has_its_last_ones_acknowledged(self) -> None:
        stub = IngestStub()
        self.addCleanup(stub.close)
        child = self.program(f"""
orders = Sender("{stub.address}")
for n in range(3000):
    orders.notify_later("42", n)
""")
        self.assertEqual((*child.communicate(timeout=20), child.returncode), ("", "", 0))
        self.assertEqual(stub.bodies(), list(range(3000)))

    def test_a_program_that_nobody_answers_ends_in_time_and_names_what_was_not_acknowledged(self) -> None:
        child = self.program("""
orders = Sender("tcp://127.0.0.1:1")
orders.notify_later("42", 1, id="o-17")
print(orders.close(0.2))
""")
        self.assertEqual((*child.communicate(timeout=20), child.returncode), ("['o-17']\n", "", 0))

    def test_in_a_process_that_was_forked_off_a_sender_is_closed_and_the_parent_goes_on(self) -> None:
        stub = IngestStub()
        self.addCleanup(stub.close)
        child = self.program(f"""
import os, sys
orders = Sender("{stub.address}")
orders.notify("42", "before")
process = os.fork()
if process == 0:
    try:
        orders.notify("42", "from the child")
    except NotifierError as error:
        code = error.code
    orders.close()
    with Sender("{stub.address}") as own:
        own.notify("42", "own")
    sys.exit(7 if code == "notifier.closed" else 8)
assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 7
orders.notify("42", "after")
""")
        output, complaints = child.communicate(timeout=20)
        self.assertEqual(child.returncode, 0, complaints)
        self.assertEqual(stub.bodies(), ["before", "own", "after"])

    def test_a_signal_handler_may_notify_and_wait_while_the_program_does(self) -> None:
        stub = IngestStub()
        self.addCleanup(stub.close)
        child = self.program(f"""
import signal
orders = Sender("{stub.address}")
count = 0
def alarm(*_):
    global count
    count += 1
    orders.notify("43", count)
    if count < 300:
        signal.setitimer(signal.ITIMER_REAL, 0.001)
signal.signal(signal.SIGALRM, alarm)
signal.setitimer(signal.ITIMER_REAL, 0.001)
while count < 300:
    orders.notify("42", 1)
""")
        self.assertEqual((*child.communicate(timeout=20), child.returncode), ("", "", 0))
        self.assertEqual(sum(to == "43" for to, _, _ in stub.stored), 300)
