"""A notification, judged as gateways judge it, before it is numbered: what passes here is refused nowhere."""
from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Dict, List, NoReturn, Optional, Union

from .errors import NotifierError
from .text import is_text

Header = Dict[str, Union[str, int]]

_MAX_DEPTH = 64
_MAX_ID_BYTES = 200
_MAX_TTL_SECONDS = 31_536_000
_MAX_SAFE_INTEGER = 2**53 - 1
_CHANNEL_NAME = re.compile(r"[A-Za-z0-9_\-=@,.;]{1,200}")
_MUST_ENCODE = re.compile(r"[\x00-\x1f\x7f%|]|\A[#*!]")
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


@dataclass(frozen=True)
class Draft:
    #: As it stands on the wire, with its closing bar.
    recipient: str
    #: The keys that do not depend on the moment of sending.
    header: Header
    body: bytes

    def frames(self, epoch: str, seq: int) -> List[bytes]:
        """The full form."""
        header = {"v": 1, **self.header, "epoch": epoch, "seq": seq}
        return [self.recipient.encode(), json.dumps(header, separators=(",", ":")).encode(), self.body]


def user(user_id: object) -> str:
    """The recipient that is this user. What could be mistaken for our own punctuation is percent-encoded."""
    if not isinstance(user_id, str):
        raise NotifierError("draft.recipient", "A user id is a text.")
    try:
        length = len(user_id.encode())
    except UnicodeEncodeError as cause:  # lone surrogates: two different ids would become the same bytes
        raise NotifierError("draft.recipient") from cause
    if not 1 <= length <= _MAX_ID_BYTES:
        raise NotifierError("draft.recipient")
    return _MUST_ENCODE.sub(lambda found: f"%{ord(found[0]):02X}", user_id) + "|"


def channel(name: object) -> str:
    if not isinstance(name, str) or _CHANNEL_NAME.fullmatch(name) is None:
        raise NotifierError(
            "draft.recipient", "A channel name has 1 to 200 characters of A-Z a-z 0-9 _ - = @ , . ;"
        )
    return f"#{name}|"


EVERYONE = "*|"


def header(
    type: Optional[str],
    id: str,
    ttl: Optional[int],
    collapse: Optional[str],
    at: Optional[int],
    source: Optional[str],
) -> Header:
    """Raises NotifierError ``draft.id``, ``draft.ttl``, ``draft.header``. What is None is left out."""
    made: Header = {"id": id}
    _add_text(made, "type", type)
    if not is_text(id, 1, 128):
        raise NotifierError("draft.id")
    if at is not None:
        if not _is_whole(at, 0, _MAX_SAFE_INTEGER):
            raise NotifierError("draft.header", 'The header has "at" that is no whole number of milliseconds.')
        made["at"] = at
    if source is not None:
        made["source"] = source
    if ttl is not None:
        if not _is_whole(ttl, 1, _MAX_TTL_SECONDS):
            raise NotifierError("draft.ttl")
        made["ttl"] = ttl
    _add_text(made, "collapse", collapse)
    return made


def encode_body(body: object, max_bytes: int) -> bytes:
    """One JSON value as bytes; bytes as they are, in a copy of our own: the socket reads them later.

    Raises NotifierError ``draft.tooLarge``, ``draft.notUtf8``, ``draft.tooDeep``, ``draft.notJson``.
    """
    raw = bytes(body) if isinstance(body, (bytes, bytearray, memoryview)) else None
    encoded = _print(body) if raw is None else raw
    if len(encoded) > max_bytes:
        raise NotifierError(
            "draft.tooLarge", f"The body has {len(encoded)} bytes; at most {max_bytes} may be sent."
        )
    text = None if raw is None else _decode(raw)
    if _is_too_deep(encoded):
        raise NotifierError("draft.tooDeep")
    if text is not None:
        _parse(text)
    return encoded


def _add_text(made: Header, key: str, text: Optional[str]) -> None:
    if text is None:
        return
    if not is_text(text, 1, 200):
        raise NotifierError("draft.header", f'The header has "{key}" that is no text of 1 to 200 characters.')
    made[key] = text


def _print(body: object) -> bytes:
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except RecursionError as cause:
        raise NotifierError("draft.tooDeep") from cause
    except (TypeError, ValueError) as cause:
        raise NotifierError("draft.notJson", f"The body cannot be written as JSON: {cause}.") from cause
    # A lone surrogate can only stand in a string, where its backslash form is JSON.
    return text.encode("utf-8", "backslashreplace")


def _decode(encoded: bytes) -> str:
    try:
        return encoded.decode("utf-8")
    except UnicodeDecodeError as cause:
        raise NotifierError("draft.notUtf8") from cause


def _parse(text: str) -> None:
    """Numbers are not made into numbers: whatever their size, they go out as they stand."""
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse)
    except ValueError:
        # The parser's own error carries the body, which is nobody's business.
        raise NotifierError("draft.notJson") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _is_too_deep(encoded: bytes) -> bool:
    """Need not be right about bytes that are no JSON: the parser speaks after it."""
    if len(encoded) <= 2 * _MAX_DEPTH or encoded.count(b"[") + encoded.count(b"{") <= _MAX_DEPTH:
        return False
    depth = 0
    for found in _BRACKET.finditer(_STRING.sub(b"", encoded)):
        depth += 1 if found[0] in b"[{" else -1
        if depth > _MAX_DEPTH:
            return True
    return False


def _is_whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
