"""What waits to be sent and what waits for an answer."""
from __future__ import annotations

from collections import deque
from typing import Callable, Deque, Dict, List, Optional, Union

from .answer import Acknowledged
from .errors import NotifierError
from .request import Request

Outcome = Union[Acknowledged, NotifierError]


class Entry:
    """A request on its way to its acknowledgement, and perhaps once more after it."""

    def __init__(self, request: Request, settle: Callable[[Outcome], None]) -> None:
        self.request = request
        #: Tells who waits for it; None: it was acknowledged, and is repeated for a store that may have forgotten it.
        self.settle: Optional[Callable[[Outcome], None]] = settle
        #: Counts from 1 in the order of the calls.
        self.number = 0
        self.sent_at = 0.0
        #: The store that has it now, and since when; None: none does.
        self.stored_by: Optional[str] = None
        self.stored_at = 0.0


class Spool:
    """In the order of the calls: what goes back to be sent again goes before everything later."""

    def __init__(self) -> None:
        self._fresh: Deque[Entry] = deque()
        self._again: List[Entry] = []
        self._is_sorted = True
        self._flying: Dict[str, Entry] = {}

    @property
    def is_empty(self) -> bool:
        return not self._fresh and not self._again and not self._flying

    @property
    def flying(self) -> int:
        return len(self._flying)

    def add(self, entry: Entry) -> None:
        self._fresh.append(entry)

    def take_next(self, now: float) -> Optional[Entry]:
        """Takes out what is to be sent next. One of the same id has to be answered first: answers name nothing but the
        id."""
        if not self._is_sorted:
            # Backwards, because a list is short of its end at once.
            self._again.sort(key=lambda entry: -entry.number)
            self._is_sorted = True
        following = self._again[-1] if self._again else self._fresh[0] if self._fresh else None
        if following is None or following.request.id in self._flying:
            return None
        if self._again:
            self._again.pop()
        else:
            self._fresh.popleft()
        following.sent_at = now
        self._flying[following.request.id] = following
        return following

    def oldest_flying(self) -> Optional[Entry]:
        """The one that was sent first of those without an answer."""
        return next(iter(self._flying.values()), None)

    def sent(self, id: str) -> Optional[Entry]:
        """What this answer may be for: it was sent, and perhaps waits to be sent again."""
        flying = self._flying.get(id)
        return flying or next((entry for entry in self._again if entry.request.id == id), None)

    def remove(self, entry: Entry) -> None:
        """It is over with this one."""
        if not self._land(entry) and entry in self._again:
            self._again.remove(entry)

    def put_back(self, entry: Entry) -> None:
        """It was sent, and will be again."""
        if self._land(entry):
            self.repeat([entry])

    def put_all_back(self) -> None:
        """Nothing that was sent will be answered any more."""
        entries = list(self._flying.values())
        self._flying.clear()
        self.repeat(entries)

    def repeat(self, entries: List[Entry]) -> None:
        """These were acknowledged, and will be sent again all the same."""
        self._again.extend(entries)
        self._is_sorted = False

    def take_all(self) -> List[Entry]:
        """Everything, in the order of the calls."""
        self.put_all_back()
        everything = sorted(self._again, key=lambda entry: entry.number) + list(self._fresh)
        self._again.clear()
        self._fresh.clear()
        return everything

    def _land(self, entry: Entry) -> bool:
        if self._flying.get(entry.request.id) is not entry:
            return False
        del self._flying[entry.request.id]
        return True
