"""One notification for the ingest, the same each time it is sent."""
from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Union

from . import draft as drafts
from .errors import NotifierError

_OVERHEAD_BYTES = 500
_MAX_RECIPIENTS = 1000


@dataclass(frozen=True)
class Request:
    id: str
    #: The caller's names of the recipients, by how they stand on the wire.
    recipients: Dict[str, str]
    #: Whether there will be copies in inboxes.
    is_kept: bool
    #: For how many seconds somebody needs it; None: as long as it stands.
    ttl: Optional[int]
    #: The two-frame form: the body is delivered byte for byte.
    frames: List[bytes]
    #: What it takes in memory, about.
    size: int


def users(given: Union[str, Sequence[str]]) -> Dict[str, str]:
    """One user, or a list of them. Raises NotifierError ``draft.recipient``, ``draft.recipients``."""
    if isinstance(given, (bytes, bytearray)) or not isinstance(given, (str, list, tuple, set, frozenset)):
        raise NotifierError("draft.recipient", "A user id is a text.")
    named = {drafts.user(one)[:-1]: one for one in ([given] if isinstance(given, str) else given)}
    if not 1 <= len(named) <= _MAX_RECIPIENTS:
        raise NotifierError("draft.recipients")
    return named


def channel(given: Union[str, Sequence[str]]) -> Dict[str, str]:
    """Raises NotifierError ``draft.recipient``."""
    return {drafts.channel(given)[:-1]: str(given)}


def everyone(given: Union[str, Sequence[str]]) -> Dict[str, str]:
    return {drafts.EVERYONE[:-1]: str(given)}


def request(
    recipients: Dict[str, str],
    body: object,
    type: Optional[str],
    id: str,
    ttl: Optional[int],
    collapse: Optional[str],
    keep: Optional[bool],
    source: Optional[str],
    max_bytes: int,
) -> Request:
    """Raises NotifierError with one of the ``draft.…`` codes."""
    header = drafts.header(type, id, ttl, collapse, None, source)
    if keep is not None:
        if not isinstance(keep, bool):
            raise NotifierError("draft.header", 'The header has "keep" that is neither true nor false.')
        header["keep"] = keep
    wires = list(recipients)
    named: Dict[str, object] = {"recipient": wires[0] if len(wires) == 1 else wires, **header}
    encoded = json.dumps(named, separators=(",", ":")).encode()
    encoded_body = drafts.encode_body(body, max_bytes)
    is_kept = keep is not False and any(wire != "*" and not wire.startswith("#") for wire in wires)
    size = len(encoded) + len(encoded_body) + _OVERHEAD_BYTES
    return Request(id, recipients, is_kept, ttl, [encoded, encoded_body], size)
