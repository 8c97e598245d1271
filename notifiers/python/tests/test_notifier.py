from __future__ import annotations

import json
import re
import socket
import threading
import time
import unittest
from typing import Any, Dict, List

from heraldo_notifier import Notifier, NotifierError

from .support import GatewayStub, until

STRANGE = ["a|b", "|", "42%", "%7C", "#orders", "*", "!ready", "!heartbeat", "new\nline", "\0\x7f", "ä|ü", "4", "420"]


class NotifierTest(unittest.TestCase):
    def notifier(self, **options: Any) -> Notifier:
        made = Notifier("orders", **{"registry": None, **options})
        self.addCleanup(made.close)
        return made

    def gateway(self, address: str, *recipients: str, **options: Any) -> GatewayStub:
        made = GatewayStub(address, *recipients, **options)
        self.addCleanup(made.close)
        return made

    def pair(self, *recipients: str, **options: Any) -> Any:
        orders = self.notifier(**options)
        stub = self.gateway(orders.address, *recipients)
        orders.ready(10)
        return orders, stub

    def refused(self, code: str, call: Any) -> NotifierError:
        with self.assertRaises(NotifierError) as caught:
            call()
        self.assertEqual(caught.exception.code, code)
        return caught.exception

    def test_a_user_is_told_in_the_full_form(self) -> None:
        orders, stub = self.pair("42")
        before = int(time.time() * 1000)
        given = orders.notify("42", {"text": "¡hola!"})
        (heard,) = stub.until(1)
        self.assertEqual((heard.recipient, heard.body), ("42", '{"text":"¡hola!"}'.encode()))
        epoch, at = heard.header.pop("epoch"), heard.header.pop("at")
        self.assertEqual(heard.header, {"v": 1, "id": given, "source": "orders", "seq": 1})
        self.assertRegex(epoch, r"^.{8,}$")
        self.assertTrue(before <= at <= time.time() * 1000)

    def test_everything_that_may_be_said_of_a_notification_stands_in_its_header(self) -> None:
        orders, stub = self.pair("42", source="shop")
        said = {"id": "o-17", "type": "order.shipped", "ttl": 60, "collapse": "order-17", "at": 17}
        self.assertEqual(orders.notify("42", 1, **said), "o-17")
        (heard,) = stub.until(1)
        self.assertEqual({key: heard.header[key] for key in said}, said)
        self.assertEqual(heard.header["source"], "shop")

    def test_a_channel_hears_its_events_and_everyone_hears_what_is_for_everyone(self) -> None:
        orders, stub = self.pair("#orders", "*")
        orders.to_channel("orders", {"n": 1}, event="shipped")
        orders.to_everyone("closing")
        first, second = stub.until(2)
        self.assertEqual((first.recipient, first.header["type"], first.header["seq"]), ("#orders", "shipped", 1))
        self.assertEqual((second.recipient, second.header["seq"], second.body), ("*", 1, b'"closing"'))
        self.assertNotIn("type", second.header)

    def test_bytes_go_out_byte_for_byte(self) -> None:
        orders, stub = self.pair("42")
        text = b'{ "n": 12345678901234567890.10, "big": 1' + b"0" * 5000 + b"}"
        changing = bytearray(text)
        for body in (text, changing, memoryview(text)):
            orders.notify("42", body)
        changing[:] = b" " * len(text)
        self.assertEqual([heard.body for heard in stub.until(3)], [text] * 3)

    def test_what_is_no_unicode_goes_out_as_javascript_writes_it(self) -> None:
        orders, stub = self.pair("42")
        orders.notify("42", {"\udc00": "a\ud800"})
        self.assertEqual(stub.until(1)[0].body, b'{"\\udc00":"a\\ud800"}')

    def test_each_recipient_is_counted_from_1(self) -> None:
        orders, stub = self.pair("42", "43")
        ids = {orders.notify(user, {}) for user in ("42", "43", "42", "42")}
        heard = [(one.recipient, one.header["seq"]) for one in stub.until(4)]
        self.assertEqual(heard, [("42", 1), ("43", 1), ("42", 2), ("42", 3)])
        self.assertEqual(len(ids), 4)

    def test_two_lives_of_a_notifier_share_neither_epoch_nor_ids(self) -> None:
        seen = []
        for _ in range(2):
            orders, stub = self.pair("42")
            orders.notify("42", {})
            seen.append(stub.until(1)[0].header)
            orders.close()
        self.assertNotEqual(seen[0]["epoch"], seen[1]["epoch"])
        self.assertNotEqual(seen[0]["id"], seen[1]["id"])

    def test_one_recipient_too_many_to_count_begins_a_new_epoch(self) -> None:
        orders, stub = self.pair("1", "2", "3", max_counters=2)
        for user in ("1", "2", "1", "3", "1"):
            orders.notify(user, {})
        headers = [one.header for one in stub.until(5)]
        self.assertEqual([header["seq"] for header in headers], [1, 1, 2, 1, 1])
        old, new = headers[0]["epoch"], headers[3]["epoch"]
        self.assertEqual([header["epoch"] for header in headers], [old, old, old, new, new])
        self.assertNotEqual(old, new)

    def test_it_says_every_second_that_it_lives(self) -> None:
        orders, stub = self.pair("42")
        began = time.monotonic()
        orders.notify("42", {})
        until("two heartbeats came", lambda: len(stub.heartbeats) == 2)
        self.assertTrue(0.9 < time.monotonic() - began < 5)
        beat = stub.heartbeats[0]
        epoch = stub.until(1)[0].header["epoch"]
        self.assertEqual((beat.header, beat.body), ({"source": "orders", "epoch": epoch}, b"{}"))

    def test_refused_ones_are_not_sent_and_leave_no_hole(self) -> None:
        orders, stub = self.pair("42", max_bytes=20)
        big = self.notifier()
        circular: List[Any] = []
        circular.append(circular)
        bottomless: List[Any] = []
        for _ in range(100_000):
            bottomless = [bottomless]
        deep = b"[" * 65 + b"]" * 65
        body: Any
        orders.notify("42", "first")
        for body in ("x" * 19, b" " * 21, "ä" * 10):
            self.refused("draft.tooLarge", lambda: orders.notify("42", body))
        for body in (deep, json.loads(deep), bottomless, b'["]",' + deep + b', "["]'):
            self.refused("draft.tooDeep", lambda: big.notify("42", body))
        no_json = [object(), circular, {1, 2}, {(1, 2): 3}, 1j, float("nan"), [float("inf")]]
        no_json += [b"{", b"", b"1 2", b"NaN", b"-Infinity", b"01", b"\xef\xbb\xbf1", b'"\n"', b'"[' + b"[" * 70]
        for body in no_json:
            self.refused("draft.notJson", lambda: big.notify("42", body))
        self.refused("draft.notUtf8", lambda: orders.notify("42", b'"\xff"'))
        self.refused("draft.notUtf8", lambda: orders.notify("42", b'"\xed\xa0\x80"'))
        for user in ("", "x" * 201, "ä" * 101, "\ud800", 42, None):
            self.refused("draft.recipient", lambda: orders.notify(user, 1))
        for channel in ("", "a b", "a|b", "x" * 201, "x\n", "ä", 1):
            self.refused("draft.recipient", lambda: orders.to_channel(channel, 1))
        for given in ("", "x" * 129, "😀" * 65, 17):
            self.refused("draft.id", lambda: orders.notify("42", 1, id=given))
        for ttl in (0, -1, 1.5, 31_536_001, True, "60"):
            self.refused("draft.ttl", lambda: orders.notify("42", 1, ttl=ttl))
        for bad in ({"type": ""}, {"type": 1}, {"collapse": "x" * 201}, {"at": -1}, {"at": 2**53}, {"at": 1.5}):
            self.refused("draft.header", lambda: orders.notify("42", 1, **bad))
        orders.notify("42", "x" * 18)
        stub.until(2)
        self.assertEqual([one.header["seq"] for one in stub.heard], [1, 2])

    def test_what_is_just_not_refused_passes(self) -> None:
        orders, stub = self.pair("x" * 200)
        deep = b"[" * 64 + b'"' + b"[" * 100 + b'\\""' + b"]" * 64
        orders.notify("x" * 200, deep, id="😀" * 64, ttl=31_536_000, type="t" * 200)
        self.assertEqual(stub.until(1)[0].body, deep)

    def test_a_full_queue_refuses_instead_of_growing_and_leaves_no_hole(self) -> None:
        orders, stub = self.pair("42", max_queued=1)
        outcomes: List[str] = []

        def many() -> None:
            for n in range(200):
                try:
                    orders.notify("42", n)
                    outcomes.append("sent")
                except NotifierError as error:
                    self.assertTrue(error.retry)
                    outcomes.append(error.code)

        while "notifier.busy" not in outcomes:
            in_threads(8, many)
        sent = outcomes.count("sent")
        self.assertEqual(outcomes.count("notifier.busy"), len(outcomes) - sent)
        orders.notify("42", "afterwards")
        stub.until(sent + 1)
        self.assertEqual([one.header["seq"] for one in stub.heard], list(range(1, sent + 2)))

    def test_threads_that_notify_at_once_lose_nothing_and_each_keeps_its_order(self) -> None:
        orders, stub = self.pair("42", "43")
        names = iter("abcd")

        def speak() -> None:
            name = next(names)
            for n in range(500):
                orders.notify("42" if n % 2 == 0 else "43", [name, n])

        in_threads(4, speak)
        heard = stub.until(2000)
        for user in ("42", "43"):
            seqs = [one.header["seq"] for one in heard if one.recipient == user]
            self.assertEqual(seqs, list(range(1, 1001)))
        self.assertEqual(len({one.header["id"] for one in heard}), 2000)
        for name in "abcd":
            told = [json.loads(one.body)[1] for one in heard if json.loads(one.body)[0] == name]
            self.assertEqual(told, list(range(500)))

    def test_strange_users_are_heard_by_their_own_filter_alone(self) -> None:
        orders = self.notifier()
        encoded = [re.sub(r"[\0-\x1f\x7f%|]|^[#*!]", lambda found: f"%{ord(found[0]):02X}", user) for user in STRANGE]
        stub = self.gateway(orders.address, "42", "#orders", "*", *encoded)
        orders.ready(10)
        for user in STRANGE:
            orders.notify(user, user)
        heard = [(one.recipient, json.loads(one.body)) for one in stub.until(len(STRANGE))]
        self.assertEqual(heard, list(zip(encoded, STRANGE)))
        self.assertEqual(len(set(encoded)), len(STRANGE))

    def test_ready_waits_in_vain_where_no_gateway_is_and_says_what_to_look_at(self) -> None:
        orders = self.notifier()
        began = time.monotonic()
        error = self.refused("notifier.notReady", lambda: orders.ready(0.2))
        self.assertTrue(0.19 < time.monotonic() - began < 5)
        self.assertTrue(error.retry)
        configured = f"Gateways must know {orders.address} by their configuration (zeromq.notifiers)."
        self.assertEqual(error.message, f"No gateway heard within 0.2 s. {configured}")
        wrong: List[Any] = [-1, float("nan"), "5", True]
        for timeout in wrong:
            self.refused("notifier.options", lambda: orders.ready(timeout))

    def test_a_gateway_that_died_is_noticed_and_the_next_one_as_well(self) -> None:
        orders, stub = self.pair("42")
        stub.close()
        until("nobody hears", lambda: not hears(orders))
        later = self.gateway(orders.address, "42")
        orders.ready(10)
        orders.notify("42", "again")
        self.assertEqual(later.until(1)[0].body, b'"again"')

    def test_a_bound_address_is_taken_and_the_error_says_which(self) -> None:
        orders = self.notifier()
        error = self.refused("notifier.bind", lambda: Notifier("second", registry=None, bind=orders.address))
        self.assertIn(orders.address, str(error))

    def test_wrong_options_are_refused_by_name_before_anything_is_opened(self) -> None:
        threads = threading.active_count()
        wrong: List[Dict[str, Any]] = [
            {"name": ""},
            {"name": "a\nb"},
            {"name": 7},
            {"registry": "tcp://127.0.0.1"},
            {"registry": "tcp://0.0.0.0:20103"},
            {"bind": "tcp://127.0.0.1:99999"},
            {"bind": "udp://127.0.0.1:1"},
            {"bind": "tcp://*:20105"},
            {"advertise": "tcp://*:20105"},
            {"advertise": "tcp://orders:0"},
            {"source": "x" * 101},
            {"ttl_seconds": 2},
            {"ttl_seconds": 30.0},
            {"max_bytes": 1_048_577},
            {"max_queued": 0},
            {"max_counters": True},
        ]
        for options in wrong:
            (key,) = options
            error = self.refused("notifier.options", lambda: Notifier(**{"name": "orders", **options}))
            self.assertIn(f'"{key}"', error.message)
        self.assertEqual(threading.active_count(), threads)

    def test_closing_delivers_what_was_sent_last(self) -> None:
        orders, stub = self.pair("42")
        for n in range(2000):
            orders.notify("42", {"n": n, "pad": "x" * 1000})
        orders.close()
        self.assertEqual(json.loads(stub.until(2000)[-1].body)["n"], 1999)
        self.refused("notifier.closed", lambda: orders.notify("42", "too late"))
        self.refused("notifier.closed", lambda: orders.ready())
        orders.close()

    def test_who_waits_for_a_gateway_hears_that_the_notifier_was_closed(self) -> None:
        orders = self.notifier()
        codes: List[str] = []

        def wait() -> None:
            try:
                orders.ready(20)
            except NotifierError as error:
                codes.append(error.code)

        waiting = threading.Thread(target=wait)
        waiting.start()
        orders.close()
        waiting.join(10)
        self.assertEqual(codes, ["notifier.closed"])

    def test_a_gateway_that_does_not_read_holds_closing_up_for_the_linger_alone(self) -> None:
        orders = self.notifier()
        self.gateway(orders.address, "42", reads=False)
        orders.ready(10)
        for _ in range(600):
            orders.notify("42", b'"' + b"x" * 60_000 + b'"')
        began = time.monotonic()
        orders.close(linger=0.3)
        self.assertTrue(0.25 < time.monotonic() - began < 3)

    def test_a_wrong_linger_is_refused_and_closes_nothing(self) -> None:
        orders, stub = self.pair("42")
        self.refused("notifier.options", lambda: orders.close(linger=-1))
        orders.notify("42", 1)
        stub.until(1)

    def test_strangers_on_its_port_disturb_nobody(self) -> None:
        orders, stub = self.pair("42")
        port = int(orders.address.rpartition(":")[2])
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 5000, b""):
            with socket.create_connection(("127.0.0.1", port)) as stranger:
                stranger.sendall(garbage)
                orders.notify("42", 1)
        stub.until(3)


def in_threads(count: int, run: Any) -> None:
    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def hears(orders: Notifier) -> bool:
    try:
        orders.ready(0)
    except NotifierError:
        return False
    return True
