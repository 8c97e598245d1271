"""What this SDK raises."""
from __future__ import annotations

from typing import Optional

_MESSAGES = {
    "notifier.options": "An option of the notifier is not as it should be.",
    "notifier.bind": "The address cannot be bound.",
    "notifier.notReady": "No gateway heard in time.",
    "notifier.busy": "The send queue is full; too many threads send at once.",
    "notifier.closed": "The notifier is closed.",
    "draft.recipient": 'A recipient is a user id of 1 to 200 bytes, "#channel" or "*".',
    "draft.header": "The header is not as the protocol says.",
    "draft.id": "An id is a text of 1 to 128 characters.",
    "draft.ttl": "A ttl is a whole number of seconds from 1 to 31,536,000.",
    "draft.notJson": "The body is not one JSON value.",
    "draft.notUtf8": "The bytes are not UTF-8.",
    "draft.tooDeep": "The body is nested deeper than 64 levels.",
    "draft.tooLarge": "The body is larger than may be sent.",
}
_RETRY = frozenset({"notifier.busy", "notifier.notReady"})


class NotifierError(Exception):
    """A code for the program and a sentence for the person.

    ``draft.…`` is what a gateway would have refused too; ``notifier.…`` is about this notifier. Codes never change
    their meaning.
    """

    def __init__(self, code: str, message: Optional[str] = None) -> None:
        # Both are arguments, so that the error survives pickling on its way out of a worker process.
        super().__init__(code, message)
        self.code = code
        self.message = _MESSAGES[code] if message is None else message
        #: Whether the same thing may succeed later.
        self.retry = code in _RETRY

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"
