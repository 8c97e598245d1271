"""What a gateway replies to one request."""
from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Dict, List, NamedTuple, Optional, Union

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Position(NamedTuple):
    """Where a copy stands in its user's inbox. A new epoch: that inbox was made anew."""

    epoch: str
    seq: int


@dataclass(frozen=True)
class Acknowledged:
    """Every copy is stored."""

    id: str
    #: True: no recipient got a new copy, for each had this id already.
    duplicate: bool
    #: Where each user's copy stands.
    positions: Dict[str, Position]
    #: Which life of the store has it; None where nothing was to be kept.
    store: Optional[str]


@dataclass(frozen=True)
class Refusal:
    id: str
    code: str
    message: str
    retry: bool
    #: As they stand on the wire.
    recipients: Optional[List[str]]


def read_answer(frame: bytes) -> Union[Acknowledged, Refusal, None]:
    """None: it is no answer, or one to nothing that has an id. Recipients are named as they stand on the wire."""
    try:
        said: Any = json.loads(frame)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("id"), str):
        return None
    if said.get("ok") is False:
        return _refusal(said["id"], said.get("error"))
    positions = _positions(said.get("positions", {}))
    if said.get("ok") is not True or positions is None:
        return None
    store = said.get("store")
    return Acknowledged(said["id"], said.get("duplicate") is True, positions, store if isinstance(store, str) else None)


def _refusal(id: str, error: Any) -> Optional[Refusal]:
    if not isinstance(error, dict):
        return None
    code, retry, recipients = error.get("code"), error.get("retry"), error.get("recipients")
    if not isinstance(code, str) or not isinstance(retry, bool):
        return None
    named = [one for one in recipients if isinstance(one, str)] if isinstance(recipients, list) else None
    return Refusal(id, _printable(code), _printable(str(error.get("message"))), retry, named)


def _positions(said: Any) -> Optional[Dict[str, Position]]:
    if not isinstance(said, dict):
        return None
    positions: Dict[str, Position] = {}
    for recipient, position in said.items():
        if not isinstance(position, dict):
            return None
        epoch, seq = position.get("epoch"), position.get("seq")
        if not isinstance(epoch, str) or not isinstance(seq, int):
            return None
        positions[recipient] = Position(epoch, seq)
    return positions


def _printable(text: str) -> str:
    """It stands in our error messages: no line breaks, no flood."""
    return _CONTROL.sub(" ", text)[:300]
