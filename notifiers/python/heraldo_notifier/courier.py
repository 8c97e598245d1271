"""Sends each request until a gateway has acknowledged it or refused it for good, whatever happens to the connection or
to gateways. Rules only: it opens no socket, asks no clock and belongs to one thread."""
from __future__ import annotations

import random
from dataclasses import replace
from typing import Callable, List, Optional

from .answer import Acknowledged, Refusal, read_answer
from .errors import NotifierError
from .options import SenderSettings
from .patience import Patience
from .spool import Entry, Outcome, Spool
from .tail import Tail

#: So many failures in a row, and another gateway may do better, even if this one answers.
_MAX_FAILURES_HERE = 3
#: How long the store has to live on before what it acknowledged counts as safe.
_SAFE_AFTER = 60.0
#: Who has nothing to say asks so often whether the store still lives: it sends something again that it must know.
_ASK_EVERY = 10.0
#: Senders do not all repeat at once to a store that has just come back.
_REPEAT_WITHIN = 0.5


class Courier:
    """One connection at a time, many requests under way, in order as far as sending again allows.

    ``hang_up`` closes the connection, for nobody is there: the next request goes to the next gateway.
    """

    def __init__(
        self, settings: SenderSettings, hang_up: Callable[[], None], chance: Callable[[], float] = random.random
    ) -> None:
        self._timeout = settings.timeout
        self._gateways = len(settings.ingest)
        self._close_line = hang_up
        self._chance = chance
        self._spool = Spool()
        self._tail = Tail(settings.max_spooled, settings.max_spooled_bytes)
        self._patience = Patience(settings.window, chance)
        self._count = 0
        self._heard_at = 0.0
        self._store: Optional[str] = None
        self._repeat_at: Optional[float] = None
        #: What became of requests: written by this courier's thread alone.
        self.settled = 0
        self.settled_bytes = 0

    @property
    def is_done(self) -> bool:
        return self._spool.is_empty and self._repeat_at is None

    def add(self, entry: Entry) -> None:
        self._count += 1
        entry.number = self._count
        self._spool.add(entry)

    def take_next(self, now: float) -> Optional[Entry]:
        """What is to be sent now."""
        if self._patience.is_pausing(now) or self._spool.flying >= self._patience.window:
            return None
        return self._spool.take_next(now)

    def hear(self, frame: bytes, now: float) -> None:
        answer = read_answer(frame)
        if answer is None:
            return
        self._heard_at = now
        entry = self._spool.sent(answer.id)
        if entry is None:
            return
        if isinstance(answer, Acknowledged):
            if _is_for(entry, answer):
                self._acknowledged(entry, answer, now)
        elif answer.retry:
            self._postponed(entry, now)
        else:
            self._refused(entry, answer)

    def lost(self, now: float) -> None:
        """The connection is gone: another one, after a pause, to the next gateway. What flew is sent again."""
        if self._spool.flying > 0:
            self._patience.failed(now)
        self._hang_up()

    def look(self, now: float) -> None:
        """Does what is due by now."""
        if self._repeat_at is not None and self._repeat_at <= now:
            self.repeat(now)
        self._look_for_late(now)
        if self._spool.is_empty and now - self._heard_at >= _ASK_EVERY:
            known = self._tail.take_oldest()
            if known is not None:
                self._spool.repeat([known])

    def next_look(self) -> Optional[float]:
        """When something may be due without anything having happened; None: never."""
        due: List[float] = [] if self._repeat_at is None else [self._repeat_at]
        oldest = self._spool.oldest_flying()
        if oldest is not None:
            due.append(oldest.sent_at + self._timeout)
        if not self._spool.is_empty:
            due.append(self._patience.until)
        elif not self._tail.is_empty:
            due.append(self._heard_at + _ASK_EVERY)
        return min(due, default=None)

    def repeat(self, now: float) -> None:
        """Tells the store what an earlier life of it has acknowledged. What has expired where it was lost stays away."""
        if self._repeat_at is not None and self._store is not None:
            self._repeat_at = None
            lost = self._tail.take_others_than(self._store)
            self._spool.repeat([one for one in lost if one.request.ttl is None or now - one.stored_at < one.request.ttl])

    def give_up(self) -> List[str]:
        """The ids of what was not acknowledged."""
        left = self._spool.take_all()
        for entry in left:
            self._settle(entry, NotifierError("notifier.unacknowledged", id=entry.request.id))
        return list(dict.fromkeys(entry.request.id for entry in left))

    def _acknowledged(self, entry: Entry, answer: Acknowledged, now: float) -> None:
        self._patience.succeeded()
        self._spool.remove(entry)
        names = entry.request.recipients
        named = {names.get(wire, wire): position for wire, position in answer.positions.items()}
        self._settle(entry, replace(answer, positions=named))
        if answer.store is None or not entry.request.is_kept:
            return
        if self._store is None or self._store == answer.store:
            self._tail.forget_before(now - _SAFE_AFTER)
        else:
            self._store_changed(now)
        self._store = answer.store
        if entry.stored_by != answer.store:
            entry.stored_by, entry.stored_at = answer.store, now
        if now - entry.stored_at < _SAFE_AFTER:
            self._tail.add(entry)

    def _postponed(self, entry: Entry, now: float) -> None:
        self._spool.put_back(entry)
        self._patience.failed(now)
        if self._gateways > 1 and self._patience.failures % _MAX_FAILURES_HERE == 0:
            self._hang_up()

    def _refused(self, entry: Entry, refusal: Refusal) -> None:
        self._spool.remove(entry)
        names = entry.request.recipients
        named = None if refusal.recipients is None else [names.get(wire, wire) for wire in refusal.recipients]
        error = NotifierError(refusal.code, refusal.message, retry=False, id=entry.request.id, recipients=named)
        self._settle(entry, error)

    def _settle(self, entry: Entry, outcome: Outcome) -> None:
        settle = entry.settle
        if settle is None:
            return
        entry.settle = None
        self.settled += 1
        self.settled_bytes += entry.request.size
        settle(outcome)

    def _store_changed(self, now: float) -> None:
        """Another life of the store: what the earlier one acknowledged may be lost. Nothing newer goes before it."""
        if self._repeat_at is None:
            self._repeat_at = now + _REPEAT_WITHIN * self._chance()
        self._patience.pause_until(self._repeat_at)

    def _hang_up(self) -> None:
        self._spool.put_all_back()
        self._close_line()

    def _look_for_late(self, now: float) -> None:
        while True:
            oldest = self._spool.oldest_flying()
            if oldest is None or now - oldest.sent_at < self._timeout:
                return
            self._patience.failed(now)
            # Silence: nobody is there. Answers to others: this one was lost, alone.
            if self._heard_at < oldest.sent_at:
                self._hang_up()
            else:
                self._spool.put_back(oldest)


def _is_for(entry: Entry, answer: Acknowledged) -> bool:
    """A late answer to an earlier one of the same id names other recipients."""
    return not answer.positions or answer.positions.keys() == entry.request.recipients.keys()
