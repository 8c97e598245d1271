"""What was acknowledged lately, for the case that the store loses what it had acknowledged."""
from __future__ import annotations

from typing import Dict, List, Optional

from .spool import Entry


class Tail:
    """Bounded: at the bound the oldest is forgotten."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._entries: Dict[Entry, None] = {}  # a set that knows the order
        self._bytes = 0

    @property
    def is_empty(self) -> bool:
        return not self._entries

    def add(self, entry: Entry) -> None:
        self._entries[entry] = None
        self._bytes += entry.request.size
        while len(self._entries) > self._most or self._bytes > self._most_bytes:
            self._remove(next(iter(self._entries)))

    def forget_before(self, time: float) -> None:
        """What was stored before this moment has stood the test of time."""
        for entry in list(self._entries):
            if entry.stored_at > time:
                return
            self._remove(entry)

    def take_oldest(self) -> Optional[Entry]:
        oldest = next(iter(self._entries), None)
        if oldest is not None:
            self._remove(oldest)
        return oldest

    def take_others_than(self, store: str) -> List[Entry]:
        """What another life of the store has acknowledged."""
        others = [entry for entry in self._entries if entry.stored_by != store]
        for entry in others:
            self._remove(entry)
        return others

    def _remove(self, entry: Entry) -> None:
        del self._entries[entry]
        self._bytes -= entry.request.size
