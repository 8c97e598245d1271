from __future__ import annotations

import json
import threading
import time
import unittest
from concurrent.futures import Future
from typing import Any, Dict, List, Union

from heraldo_notifier import Acknowledged, NotifierError, Position, Sender

from .support import Asked, IngestStub, refusal, until


class SenderTest(unittest.TestCase):
    def gateway(self, *bind: str) -> IngestStub:
        made = IngestStub(*bind)
        self.addCleanup(made.close)
        return made

    def sender(self, ingest: Union[str, List[str]], **options: Any) -> Sender:
        made = Sender(ingest, **{"source": "orders", "timeout": 0.3, **options})
        self.addCleanup(made.close, 0)
        return made

    def pair(self, **options: Any) -> Any:
        stub = self.gateway()
        return self.sender(stub.address, **options), stub

    def refused(self, code: str, call: Any) -> NotifierError:
        with self.assertRaises(NotifierError) as caught:
            call()
        self.assertEqual(caught.exception.code, code)
        return caught.exception

    def test_a_user_is_told_and_the_answer_says_where_it_stands(self) -> None:
        orders, stub = self.pair()
        answer = orders.notify("42", {"text": "¡hola!"}, type="order.shipped", ttl=60, collapse="order-17")
        self.assertRegex(answer.id, r"^[\w-]{22}$")
        self.assertEqual(answer, Acknowledged(answer.id, False, {"42": Position("first", 1)}, "first"))
        said = {"recipient": "42", "source": "orders", "id": answer.id, "type": "order.shipped", "ttl": 60}
        self.assertEqual(stub.asked[0].header, {**said, "collapse": "order-17"})
        self.assertEqual(stub.asked[0].body, '{"text":"¡hola!"}'.encode())

    def test_an_id_of_the_caller_is_kept_once_and_the_answer_tells_a_duplicate(self) -> None:
        orders, _ = self.pair()
        first, second = (orders.notify("42", 1, id="o-17") for _ in range(2))
        self.assertEqual((first.duplicate, second.duplicate), (False, True))
        self.assertEqual((first.id, first.positions), ("o-17", second.positions))

    def test_several_users_are_told_at_once_and_answered_by_the_names_that_the_caller_used(self) -> None:
        orders, stub = self.pair()
        answer = orders.notify(["42", "a|b", "#1", "42"], "hi")
        self.assertEqual(stub.asked[0].recipients, ["42", "a%7Cb", "%231"])
        self.assertEqual(list(answer.positions), ["42", "a|b", "#1"])

    def test_channels_everyone_and_users_who_need_not_keep_it_are_told_live(self) -> None:
        orders, stub = self.pair()
        orders.to_channel("orders", 1, event="shipped")
        orders.to_everyone(2, type="closing")
        self.assertEqual(orders.notify("42", 3, keep=False).positions, {})
        told = [(one.header["recipient"], one.header.get("type"), one.header.get("keep")) for one in stub.asked]
        self.assertEqual(told, [("#orders", "shipped", None), ("*", "closing", None), ("42", None, False)])

    def test_bytes_go_out_byte_for_byte(self) -> None:
        orders, stub = self.pair()
        text = b'{ "n": 12345678901234567890.10 }'
        orders.notify("42", text)
        self.assertEqual(stub.asked[0].body, text)

    def test_what_no_gateway_would_take_is_refused_here_and_not_sent(self) -> None:
        orders, stub = self.pair()
        for code, users, body, options in [
            ("draft.recipient", "", 1, {}),
            ("draft.recipient", 42, 1, {}),
            ("draft.recipient", b"42", 1, {}),
            ("draft.recipient", ["42", None], 1, {}),
            ("draft.recipients", [], 1, {}),
            ("draft.recipients", [str(n) for n in range(1001)], 1, {}),
            ("draft.tooLarge", "42", "x" * 70_000, {}),
            ("draft.notJson", "42", float("nan"), {}),
            ("draft.id", "42", 1, {"id": "x" * 129}),
            ("draft.ttl", "42", 1, {"ttl": 0.5}),
            ("draft.header", "42", 1, {"collapse": ""}),
            ("draft.header", "42", 1, {"keep": "yes"}),
        ]:
            for call in (orders.notify, orders.notify_later):
                self.refused(code, lambda: call(users, body, **options))
        orders.notify("42", "afterwards")
        self.assertEqual(len(stub.asked), 1)

    def test_what_a_gateway_refuses_for_good_is_an_error_with_its_code(self) -> None:
        orders, stub = self.pair()
        stub.behave = lambda one: [refusal(one.id, "draft.idConflict", False, recipients=["a%7Cb"])]
        error = self.refused("draft.idConflict", lambda: orders.notify(["42", "a|b"], 1, id="o-17"))
        told = (error.message, error.retry, error.id, error.recipients)
        self.assertEqual(told, ("It is draft.idConflict.", False, "o-17", ["a|b"]))
        self.assertIsInstance(orders.notify_later("42", 1).exception(10), NotifierError)

    def test_while_a_gateway_asks_for_patience_nothing_is_lost_and_the_order_is_kept(self) -> None:
        orders, stub = self.pair(window=50)
        is_up = False

        def behave(one: Asked) -> List[bytes]:
            nonlocal is_up
            # It comes back while nothing is under way: between two halves of a window it would tear the order.
            is_up = is_up or (len(stub.asked) > 60 and one.body == b"0")
            return [stub.keep(one) if is_up else refusal(one.id, "store.unavailable", True)]

        stub.behave = behave
        sending = [orders.notify_later("42", n) for n in range(200)]
        wait(sending)
        self.assertEqual(stub.bodies(), list(range(200)))

    def test_answers_that_are_lost_late_twice_out_of_order_or_none_at_all_confuse_nothing(self) -> None:
        orders, stub = self.pair(window=20)
        garbage = [b"", b"}{", b"null", b"[]", b'{"ok":true}', b'{"ok":true,"id":"unknown"}', b"\xff", b"[" * 50_000]
        wrong = ['{"ok":false,"id":"ID"}', '{"ok":true,"id":"ID","positions":{"42":1}}', '{"ok":1,"id":"ID"}']
        held: List[bytes] = []

        def behave(one: Asked) -> List[bytes]:
            noise = garbage + [text.replace("ID", one.id).encode() for text in wrong]
            answer = stub.keep(one)
            turn = len(stub.asked) % 5
            if turn == 0:
                return noise
            if turn == 1:
                return [answer, *noise, answer]
            if turn == 3:
                held.append(answer)
            if turn == 2 or len(held) < 4:
                return []
            late = held[::-1]
            held.clear()
            return late

        stub.behave = behave
        answers = wait([orders.notify_later("42", n, id=f"n-{n}") for n in range(100)])
        self.assertEqual([answer.id for answer in answers], [f"n-{n}" for n in range(100)])
        self.assertEqual(stub.bodies(), list(range(100)))

    def test_a_late_answer_is_not_taken_for_the_next_one_with_the_same_id(self) -> None:
        orders, stub = self.pair()
        late: List[bytes] = []

        def behave(one: Asked) -> List[bytes]:
            if one.recipients == ["42"]:
                late.append(stub.keep(one))
                return late
            return [stub.keep(one)] if len(stub.asked) > 2 else late

        stub.behave = behave
        answers = wait([orders.notify_later(user, 1, id="same") for user in ("42", "43")])
        self.assertEqual([list(answer.positions) for answer in answers], [["42"], ["43"]])
        self.assertEqual(len(stub.stored), 2)

    def test_a_gateway_that_dies_and_comes_back_has_everything_in_order(self) -> None:
        orders, stub = self.pair(window=100)
        stub.behave = lambda one: [] if len(stub.asked) > 150 else [stub.keep(one)]
        sending = [orders.notify_later("42", n) for n in range(500)]
        until("it fell silent", lambda: len(stub.asked) > 200)
        stub.close()
        following = self.gateway(stub.address)
        wait(sending)
        # What had been stored and not answered stands at both: these are two stores, and one gateway's would be one.
        self.assertEqual(list(dict.fromkeys(stub.bodies() + following.bodies())), list(range(500)))

    def test_the_next_gateway_is_taken_when_the_first_one_does_not_serve(self) -> None:
        def silent(stub: IngestStub) -> None:
            stub.behave = lambda _: []

        def draining(stub: IngestStub) -> None:
            stub.behave = lambda one: [refusal(one.id, "draining", True)]

        for spoil in (silent, draining, IngestStub.close):
            with self.subTest(spoil.__name__):
                first, second = IngestStub(), self.gateway()
                spoil(first)
                orders = self.sender([first.address, second.address])
                wait([orders.notify_later("42", n) for n in range(50)])
                self.assertEqual(second.bodies(), list(range(50)))
                first.close()

    def test_at_its_bound_the_spool_refuses_at_once_and_takes_more_when_some_were_acknowledged(self) -> None:
        orders, stub = self.pair(max_spooled=3)
        stub.behave = lambda _: []
        sending = [orders.notify_later("42", n) for n in range(3)]
        for call in (orders.notify, orders.notify_later):
            self.assertTrue(self.refused("spool.full", lambda: call("42", 3)).retry)
        stub.behave = lambda one: [stub.keep(one)]
        wait(sending)
        orders.notify("42", 4)
        self.assertEqual(stub.bodies(), [0, 1, 2, 4])

    def test_the_bytes_of_the_spool_are_bounded_as_well(self) -> None:
        orders, stub = self.pair(max_spooled_bytes=100_000)
        stub.behave = lambda _: []
        for _ in range(2):
            orders.notify_later("42", "x" * 40_000)
        self.refused("spool.full", lambda: orders.notify_later("42", "x" * 40_000))

    def test_what_a_store_acknowledged_and_forgot_is_sent_again_under_the_same_ids(self) -> None:
        orders, stub = self.pair()
        wait([orders.notify_later("42", n) for n in range(100)])
        stub.forget("second")
        self.assertEqual(orders.notify("42", 100).store, "second")
        orders.notify("42", 101)
        self.assertEqual(stub.bodies(), [100, *range(100), 101])
        ids = [one.id for one in stub.asked]
        self.assertEqual(ids[101:201], ids[:100])

    def test_closing_waits_for_what_is_under_way_and_for_what_has_to_be_told_again(self) -> None:
        orders, stub = self.pair()
        orders.notify("42", "before")
        stub.forget("second")
        last = orders.notify_later("42", "after")
        self.assertEqual(orders.close(), [])
        self.assertTrue(last.done())
        self.assertEqual(stub.bodies(), ["after", "before"])
        self.refused("notifier.closed", lambda: orders.notify("42", 1))

    def test_closing_says_in_time_what_was_not_acknowledged(self) -> None:
        orders, stub = self.pair()
        stub.behave = lambda one: [stub.keep(one)] if one.id == "a" else []
        sending = [orders.notify_later("42", id, id=id) for id in "abc"]
        began = time.monotonic()
        self.assertEqual(orders.close(0.2), ["b", "c"])
        self.assertLess(time.monotonic() - began, 3)
        errors = [one.exception(0) for one in sending]
        self.assertIsNone(errors[0])
        for error in errors[1:]:
            self.assertTrue(isinstance(error, NotifierError) and error.code == "notifier.unacknowledged")
        self.assertEqual(orders.close(), ["b", "c"])

    def test_leaving_the_block_complains_of_what_was_not_acknowledged(self) -> None:
        stub = self.gateway()
        stub.behave = lambda _: []

        def block() -> None:
            with Sender(stub.address) as orders:
                orders.notify_later("42", 1, id="o-17")
                orders.close(0)

        self.assertIn("o-17", self.refused("notifier.unacknowledged", block).message)

    def test_threads_that_notify_at_once_lose_nothing_and_each_keeps_its_order(self) -> None:
        orders, stub = self.pair()
        names = iter("abcd")

        def speak() -> None:
            name = next(names)
            for n in range(250):
                orders.notify("42", [name, n])

        threads = [threading.Thread(target=speak) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name in "abcd":
            self.assertEqual([n for said, n in stub.bodies() if said == name], list(range(250)))

    def test_who_is_told_of_an_answer_may_notify_and_close(self) -> None:
        orders, stub = self.pair()
        left: List[Any] = []

        def told(_: Future[Acknowledged]) -> None:
            orders.notify("42", "and this")
            left.append(orders.close())

        orders.notify_later("42", "this").add_done_callback(told)
        until("it was closed", lambda: left == [[]])
        self.assertEqual(stub.bodies(), ["this", "and this"])

    def test_wrong_options_are_refused_by_name_before_anything_is_opened(self) -> None:
        threads = threading.active_count()
        wrong: List[Dict[str, Any]] = [
            {"ingest": "http://127.0.0.1"},
            {"ingest": []},
            {"ingest": ["tcp://127.0.0.1:20100", "tcp://*:1"]},
            {"source": ""},
            {"timeout": 0.01},
            {"timeout": float("nan")},
            {"window": 0},
            {"max_spooled": 1.5},
            {"max_spooled_bytes": -1},
            {"max_bytes": 2**20 + 1},
        ]
        for options in wrong:
            (key,) = options
            self.assertIn(f'"{key}"', self.refused("notifier.options", lambda: Sender(**options)).message)
        self.assertEqual(threading.active_count(), threads)


def wait(sending: List[Future[Acknowledged]]) -> List[Acknowledged]:
    return [one.result(30) for one in sending]
