"""Counts what went to each recipient."""
from __future__ import annotations

import secrets
from typing import Dict


def new_epoch() -> str:
    return secrets.token_urlsafe(8)


class Counters:
    """From 1, within an epoch. Their number is bounded: to forget them all at once without looking like a loss, a new
    epoch begins."""

    def __init__(self, most: int, epoch: str) -> None:
        self.epoch = epoch
        self._most = most
        self._counts: Dict[str, int] = {}

    def next(self, recipient: str) -> int:
        """The number that the next one to this recipient bears, if it is sent."""
        count = self._counts.get(recipient)
        if count is None and len(self._counts) >= self._most:
            self._counts.clear()
            self.epoch = new_epoch()
        return (count or 0) + 1

    def sent(self, recipient: str, seq: int) -> None:
        """It was sent: the number is used up. What was not sent leaves no hole."""
        self._counts[recipient] = seq
