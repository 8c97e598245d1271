"""How gateways measure texts."""
from __future__ import annotations


def utf16_length(text: str) -> int:
    """Gateways count characters as JavaScript does: one outside the basic plane is two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def is_text(value: object, least: int, most: int) -> bool:
    """Half a character has no UTF-8: two texts would become the same bytes."""
    return (
        isinstance(value, str)
        and least <= utf16_length(value) <= most
        and not any("\ud800" <= character <= "\udfff" for character in value)
    )
