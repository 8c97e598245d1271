from __future__ import annotations

import json
import unittest
from typing import Any, List, Optional

from heraldo_notifier.courier import Courier
from heraldo_notifier.options import read_sender_options
from heraldo_notifier.request import request, users
from heraldo_notifier.spool import Entry, Outcome


class CourierTest(unittest.TestCase):
    """The rules, in a time that the test winds."""

    def setUp(self) -> None:
        self.make()

    def make(self, chance: float = 0.5, **options: Any) -> None:
        given = {"timeout": 5, "window": 1000, "max_spooled": 100, "max_spooled_bytes": 1 << 20, **options}
        settings = read_sender_options(["tcp://a:1", "tcp://b:1"], None, 1000, **given)
        self.now = 100.0
        self.hung_up = 0
        self.sent = ""
        self.outcomes: List[Outcome] = []
        self.courier = Courier(settings, self._hang_up, lambda: chance)

    def _hang_up(self) -> None:
        self.hung_up += 1
        self.sent += "/"

    def add(self, ids: str, to: str = "42", ttl: Optional[int] = None) -> None:
        for id in ids:
            wires = users(to) if to != "*" else {"*": "*"}
            made = request(wires, 1, None, id, ttl, None, None, None, 1000)
            self.courier.add(Entry(made, self.outcomes.append))
        self.send()

    def send(self) -> None:
        self.courier.look(self.now)
        while True:
            entry = self.courier.take_next(self.now)
            if entry is None:
                return
            self.sent += entry.request.id

    def go(self, seconds: float) -> None:
        for _ in range(round(seconds * 20)):
            self.now += 0.05
            self.send()

    def answer(self, ids: str, store: str = "s1") -> None:
        for id in ids:
            self.courier.hear(json.dumps({"ok": True, "id": id, "store": store}).encode(), self.now)

    def refuse(self, id: str) -> None:
        error = {"code": "ingest.busy", "message": "", "retry": True}
        self.courier.hear(json.dumps({"ok": False, "id": id, "error": error}).encode(), self.now)

    def test_silence_is_taken_for_a_gateway_that_is_gone(self) -> None:
        self.add("abc")
        self.go(4.9)
        self.assertEqual(self.sent, "abc")
        self.go(0.3)
        self.assertEqual(self.sent, "abc/abc")

    def test_where_others_are_answered_the_one_whose_answer_was_lost_is_sent_again_alone(self) -> None:
        self.add("abc")
        self.go(0.1)
        self.answer("bc")
        self.go(5.2)
        self.assertEqual(self.sent, "abca")

    def test_a_line_that_is_lost_is_replaced_after_a_pause(self) -> None:
        self.add("abc")
        self.courier.lost(self.now)
        self.send()
        self.assertEqual(self.sent, "abc/")
        self.go(0.1)
        self.assertEqual(self.sent, "abc/abc")

    def test_pauses_grow_to_two_seconds_with_chance_in_them(self) -> None:
        for chance, wanted in ((0.0, [0.05, 0.1, 0.2, 0.4, 0.8, 1.0]), (0.999, [0.1, 0.2, 0.4, 0.8, 1.6, 2.0])):
            self.make(chance)
            self.add("a")
            for pause in wanted:
                began, before = self.now, self.sent.count("a")
                self.refuse("a")
                while self.sent.count("a") == before:
                    self.go(0.05)
                self.assertAlmostEqual(self.now - began, pause, delta=0.06)

    def test_no_more_than_the_window_fly_and_fewer_where_a_gateway_asked_for_patience(self) -> None:
        self.make(window=4)
        self.add("abcdefgh")
        self.assertEqual(self.sent, "abcd")
        self.answer("a")
        self.send()
        self.assertEqual(self.sent, "abcde")
        for id in "bcde":
            self.refuse(id)
        self.go(0.15)
        self.assertEqual(self.sent, "abcdebc")
        self.answer("b")
        self.send()
        self.assertEqual(self.sent, "abcdebcde")

    def test_another_life_of_the_store_is_told_the_last_minute_again_before_what_is_new(self) -> None:
        self.add("ab")
        self.answer("ba")
        self.go(9)
        self.add("c")
        self.answer("c", "s2")
        self.add("d")
        self.go(0.5)
        self.assertEqual(self.sent, "abcabd")

    def test_what_the_same_store_still_knows_after_a_minute_is_safe_and_nobody_asks_any_more(self) -> None:
        self.add("a")
        self.answer("a")
        for asked in range(1, 7):
            self.go(10.1)
            self.assertEqual(self.sent, "a" * (asked + 1))
            self.answer("a")
        self.go(60)
        self.assertEqual(self.sent, "a" * 7)
        self.assertIsNone(self.courier.next_look())
        self.assertEqual(len(self.outcomes), 1)

    def test_the_last_minute_is_bounded_and_the_newest_are_remembered(self) -> None:
        self.make(max_spooled=3)
        for id in "abcd":
            self.add(id)
            self.answer(id)
        self.add("e")
        self.answer("e", "s2")
        self.go(0.6)
        self.assertEqual(self.sent, "abcdecd")

    def test_what_was_told_live_is_not_repeated(self) -> None:
        self.add("l", "*")
        self.add("k")
        self.answer("lk")
        self.add("x")
        self.answer("x", "s2")
        self.go(0.6)
        self.assertEqual(self.sent, "lkxk")

    def test_what_has_expired_meanwhile_is_not_repeated(self) -> None:
        self.add("a", ttl=5)
        self.add("b", ttl=20)
        self.answer("ab")
        self.go(9)
        self.add("c")
        self.answer("c", "s2")
        self.go(0.6)
        self.assertEqual(self.sent, "abcb")
