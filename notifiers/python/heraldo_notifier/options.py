"""Everything is judged here, before there is a socket or a thread."""
from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Callable, Optional, Tuple

from .errors import NotifierError
from .text import is_text

_MAX_ENDPOINT_LENGTH = 256
_MAX_PATH_BYTES = 100  # a Unix socket's path fits into 108 bytes, or libzmq refuses to connect
_MAX_GATEWAYS = 100
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_REACHABLE_TCP = re.compile(
    r"tcp://(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?):([1-9][0-9]{0,4})"
)
_REACHABLE_IPC = re.compile(r"ipc://([!-~]+)")
_ANY_HOST = re.compile(r"0+(\.0+)*|\[[0:.]*\]")
_BINDABLE_TCP = re.compile(r"tcp://([^:/\s]+|\[[0-9A-Fa-f:.%]+\]):([0-9]{1,5}|\*)")
_BINDABLE_IPC = re.compile(r"ipc://\S+")
_WILDCARD_HOSTS = frozenset({"*", "0.0.0.0", "[::]"})


@dataclass(frozen=True)
class Settings:
    name: str
    registry: Optional[str]
    bind: str
    advertise: Optional[str]
    source: str
    ttl_seconds: int
    max_bytes: int
    max_queued: int
    max_counters: int


@dataclass(frozen=True)
class SenderSettings:
    ingest: Tuple[str, ...]
    source: Optional[str]
    max_bytes: int
    timeout: float
    window: int
    max_spooled: int
    max_spooled_bytes: int


def read_options(
    name: object,
    registry: object,
    bind: object,
    advertise: object,
    source: object,
    ttl_seconds: object,
    max_bytes: object,
    max_queued: object,
    max_counters: object,
) -> Settings:
    """Raises NotifierError ``notifier.options``, naming the option."""
    settings = Settings(
        name=_text("name", name),
        registry=None if registry is None else _endpoint("registry", registry, is_endpoint),
        bind=_endpoint("bind", bind, _is_bindable),
        advertise=None if advertise is None else _endpoint("advertise", advertise, is_endpoint),
        source=_text("source", name if source is None else source),
        ttl_seconds=_whole("ttl_seconds", ttl_seconds, 3, 86_400),
        max_bytes=_whole("max_bytes", max_bytes, 1, 1_048_576),
        max_queued=_whole("max_queued", max_queued, 1, 1_000_000),
        max_counters=_whole("max_counters", max_counters, 1, 10_000_000),
    )
    if settings.registry is not None and settings.advertise is None and _binds_everywhere(settings.bind):
        raise NotifierError(
            "notifier.options",
            f'"bind" is {settings.bind}, which gateways cannot connect to: '
            'set "advertise" to the endpoint they can reach.',
        )
    return settings


def read_sender_options(
    ingest: object,
    source: object,
    max_bytes: object,
    timeout: object,
    window: object,
    max_spooled: object,
    max_spooled_bytes: object,
) -> SenderSettings:
    """Raises NotifierError ``notifier.options``, naming the option."""
    addresses = tuple(ingest) if isinstance(ingest, (list, tuple)) else (ingest,)
    if not 1 <= len(addresses) <= _MAX_GATEWAYS:
        raise _wrong("ingest", f"must be an endpoint, or a list of 1 to {_MAX_GATEWAYS}", ingest)
    return SenderSettings(
        ingest=tuple(_endpoint("ingest", address, is_endpoint) for address in addresses),
        source=None if source is None else _text("source", source),
        max_bytes=_whole("max_bytes", max_bytes, 1, 1_048_576),
        timeout=seconds("timeout", timeout, 600, 0.1),
        window=_whole("window", window, 1, 100_000),
        max_spooled=_whole("max_spooled", max_spooled, 1, 1_000_000),
        max_spooled_bytes=_whole("max_spooled_bytes", max_spooled_bytes, 1, 1_073_741_824),
    )


def seconds(key: str, value: object, most: float, least: float = 0) -> float:
    """Raises NotifierError ``notifier.options``."""
    # Written so that NaN, which compares to nothing, is refused as well.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise _wrong(key, f"must be a number of seconds from {least:g} to {most:,.0f}", value)
    return float(value)


def is_endpoint(value: str) -> bool:
    """Is this an address that a gateway can connect to? libzmq takes much more without a word."""
    if len(value) > _MAX_ENDPOINT_LENGTH:
        return False
    tcp = _REACHABLE_TCP.fullmatch(value)
    if tcp is not None:
        return int(tcp[2]) <= 65_535 and _ANY_HOST.fullmatch(tcp[1]) is None
    ipc = _REACHABLE_IPC.fullmatch(value)
    return ipc is not None and ipc[1] != "*" and len(ipc[1]) <= _MAX_PATH_BYTES


def is_ipv6(endpoint: str) -> bool:
    """libzmq speaks IPv6 only where it is told to."""
    return endpoint.startswith("tcp://[")


def _is_bindable(value: str) -> bool:
    tcp = _BINDABLE_TCP.fullmatch(value)
    if tcp is None:
        return _BINDABLE_IPC.fullmatch(value) is not None
    return tcp[2] == "*" or 1 <= int(tcp[2]) <= 65_535


def _binds_everywhere(bind: str) -> bool:
    tcp = _BINDABLE_TCP.fullmatch(bind)
    return tcp is not None and tcp[1] in _WILDCARD_HOSTS


def _text(key: str, value: object) -> str:
    if not isinstance(value, str) or not is_text(value, 1, 100) or _CONTROL.search(value) is not None:
        raise _wrong(key, "must be a text of 1 to 100 characters without control characters", value)
    return value


def _endpoint(key: str, value: object, is_good: Callable[[str], bool]) -> str:
    if not isinstance(value, str) or not is_good(value):
        raise _wrong(key, "must be an endpoint such as tcp://127.0.0.1:20105", value)
    return value


def _whole(key: str, value: object, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _wrong(key, f"must be a whole number from {least} to {most}", value)
    return value


def _wrong(key: str, rule: str, value: object) -> NotifierError:
    shown = json.dumps(value)[:100] if isinstance(value, (str, int, float)) else type(value).__name__
    return NotifierError("notifier.options", f'"{key}" {rule}, not {shown}.')
