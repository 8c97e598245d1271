from __future__ import annotations

import json
import time
import unittest
from typing import Any, Dict, List

from heraldo_notifier import Notifier, NotifierError

from .support import GatewayStub, RegistryStub, until


class RegistryTest(unittest.TestCase):
    def registry(self, *given: Any) -> RegistryStub:
        made = RegistryStub(*given)
        self.addCleanup(made.close)
        return made

    def notifier(self, registry: str, **options: Any) -> Notifier:
        made = Notifier("orders", registry=registry, **options)
        self.addCleanup(made.close)
        return made

    def complains(self, orders: Notifier, wanted: str) -> None:
        """ready() says what is missing."""
        def is_said() -> bool:
            with self.assertRaises(NotifierError) as caught:
                orders.ready(0.01)
            return wanted in caught.exception.message

        until(f"it complains: {wanted}", is_said)

    def test_a_notifier_enters_the_registry_and_leaves_it_when_it_closes(self) -> None:
        stub = self.registry()
        orders = self.notifier(stub.address)
        until("it is listed", lambda: stub.addresses == [orders.address])
        self.assertRegex(orders.address, r"^tcp://127\.0\.0\.1:\d+$")
        entered = {"type": "add-publisher", "address": orders.address, "name": "orders", "ttl": 30}
        self.assertEqual(stub.questions, [entered])
        self.complains(orders, f"The registry at {stub.address} lists {orders.address}, but no gateway came.")
        orders.close()
        self.assertEqual(stub.addresses, [])
        self.assertEqual(stub.questions[1:], [{"type": "remove-publisher", "address": orders.address}])

    def test_what_it_advertises_is_what_the_registry_hears(self) -> None:
        stub = self.registry()
        self.notifier(stub.address, bind="tcp://0.0.0.0:*", advertise="tcp://orders.internal:20105")
        until("it is listed", lambda: stub.addresses == ["tcp://orders.internal:20105"])

    def test_the_lease_is_renewed_at_a_third_of_its_time(self) -> None:
        stub = self.registry()
        began = time.monotonic()
        self.notifier(stub.address, ttl_seconds=3)
        until("it is renewed twice", lambda: len(stub.questions) == 3)
        self.assertTrue(1.9 < time.monotonic() - began < 5)

    def test_a_registry_that_is_away_is_asked_until_it_comes(self) -> None:
        before = RegistryStub()
        before.close()
        orders = self.notifier(before.address)
        self.complains(orders, f"The registry at {before.address} did not answer within 1000 ms.")
        stub = self.registry(None, before.address)
        until("it is listed", lambda: stub.addresses == [orders.address])

    def test_when_the_last_gateway_leaves_the_registry_is_asked_at_once(self) -> None:
        stub = self.registry()
        orders = self.notifier(stub.address)
        gateway = GatewayStub(orders.address)
        orders.ready(10)
        until("it is registered", lambda: len(stub.questions) == 1)
        gateway.close()
        until("it asks again", lambda: len(stub.questions) == 2, 5)

    def test_a_registry_that_answers_nonsense_stops_nothing(self) -> None:
        refusal = '{"error":{"code":"registry.full","message":"It is\\nfull."}}'
        for answer, wanted in [
            ("}{", "is no registry"),
            ("[" * 100_000, "is no registry"),
            ('{"ok":true}', "is no registry"),
            ("[1,null]", "is no registry"),
            ('["tcp://127.0.0.1:1"]', "did not list tcp://127"),
            (refusal, "refused: It is full. (registry.full)"),
            (None, "did not answer within 1000 ms"),
        ]:
            with self.subTest(wanted=wanted):
                stub = self.registry(lambda _: answer)
                orders = self.notifier(stub.address)
                self.complains(orders, wanted)
                gateway = GatewayStub(orders.address, "42")
                orders.ready(10)
                orders.notify("42", "heard all the same")
                gateway.until(1)
                gateway.close()
                asked = len(stub.questions)
                until("it asks again", lambda: len(stub.questions) > asked)

    def test_it_leaves_the_registry_only_when_everything_has_left(self) -> None:
        asked: List[float] = []

        def answer(question: Dict[str, Any]) -> str:
            asked.append(time.monotonic())
            return json.dumps([question["address"]])

        stub = self.registry(answer)
        orders = self.notifier(stub.address)
        gateway = GatewayStub(orders.address, "42", reads=False)
        self.addCleanup(gateway.close)
        orders.ready(10)
        until("it is registered", lambda: len(asked) == 1)
        for _ in range(600):
            orders.notify("42", b'"' + b"x" * 60_000 + b'"')
        began = time.monotonic()
        orders.close(linger=0.5)
        self.assertEqual([one["type"] for one in stub.questions], ["add-publisher", "remove-publisher"])
        self.assertGreater(asked[1] - began, 0.4)

    def test_it_closes_in_time_when_the_registry_is_away(self) -> None:
        before = RegistryStub()
        before.close()
        orders = self.notifier(before.address)
        began = time.monotonic()
        orders.close()
        self.assertLess(time.monotonic() - began, 3)
