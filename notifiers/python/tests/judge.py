"""What the SDK says of each line `[kind, value]`: the recipient as it is written, "ok", or the code of its refusal."""
import json
import sys
from typing import Any

from heraldo_notifier import NotifierError, draft

MAX_BYTES = 300


def judge(kind: str, value: Any) -> str:
    if kind == "user":
        return draft.user(value)
    if kind == "channel":
        return draft.channel(value)
    if kind == "body":
        draft.encode_body(bytes.fromhex(value), MAX_BYTES)
    else:
        given = {"id": "x", "at": 1, **value}
        draft.header(given.get("type"), given["id"], given.get("ttl"), given.get("collapse"), given["at"], "s")
    return "ok"


for line in sys.stdin:
    try:
        print(json.dumps(judge(*json.loads(line))))
    except NotifierError as error:
        print(json.dumps(error.code))
