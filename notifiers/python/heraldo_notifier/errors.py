"""What this SDK raises."""
from __future__ import annotations

from typing import List, Optional

_MESSAGES = {
    "notifier.options": "An option of the notifier is not as it should be.",
    "notifier.bind": "The address cannot be bound.",
    "notifier.notReady": "No gateway heard in time.",
    "notifier.busy": "The send queue is full; too many threads send at once.",
    "notifier.closed": "The notifier is closed.",
    "notifier.unacknowledged": "No acknowledgement came before the sender closed; the same id again is safe.",
    "spool.full": "Too many notifications wait for their acknowledgement; send more when some have it.",
    "draft.recipient": 'A recipient is a user id of 1 to 200 bytes, "#channel" or "*".',
    "draft.recipients": "A request names 1 to 1,000 recipients.",
    "draft.header": "The header is not as the protocol says.",
    "draft.id": "An id is a text of 1 to 128 characters.",
    "draft.ttl": "A ttl is a whole number of seconds from 1 to 31,536,000.",
    "draft.notJson": "The body is not one JSON value.",
    "draft.notUtf8": "The bytes are not UTF-8.",
    "draft.tooDeep": "The body is nested deeper than 64 levels.",
    "draft.tooLarge": "The body is larger than may be sent.",
}
_RETRY = frozenset({"notifier.busy", "notifier.notReady", "notifier.unacknowledged", "spool.full"})


class NotifierError(Exception):
    """A code for the program and a sentence for the person.

    ``draft.…`` is what a gateway would have refused too; ``notifier.…`` and ``spool.…`` are about this notifier or
    sender. Codes never change their meaning; a gateway that is newer than this SDK may know more of them.
    """

    def __init__(
        self,
        code: str,
        message: Optional[str] = None,
        *,
        retry: Optional[bool] = None,
        id: Optional[str] = None,
        recipients: Optional[List[str]] = None,
    ) -> None:
        # Both are arguments, so that the error survives pickling on its way out of a worker process.
        super().__init__(code, message)
        self.code = code
        self.message = _MESSAGES[code] if message is None else message
        #: Whether the same thing may succeed later.
        self.retry = code in _RETRY if retry is None else retry
        #: Of the notification that a sender had given one.
        self.id = id
        #: Who is refused, where the others' copies stand.
        self.recipients = recipients

    def __str__(self) -> str:
        return f"{self.message} ({self.code})"
