"""How gateways measure texts."""
from __future__ import annotations


def utf16_length(text: str) -> int:
    """Gateways count characters as JavaScript does: one outside the basic plane is two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
