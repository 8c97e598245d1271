"""A sender that does what it is told: one JSON line `[users, body, keywords]` in; for each, when its time comes, one line
`[id, duplicate, code]` out. At the end of its input it closes, and says `{"left": [ids]}`."""
import json
import sys
from concurrent.futures import Future

from heraldo_notifier import Acknowledged, NotifierError, Sender


def told(future: "Future[Acknowledged]") -> None:
    error = future.exception()
    if isinstance(error, NotifierError):
        print(json.dumps([error.id, None, error.code]), flush=True)
    else:
        answer = future.result()
        print(json.dumps([answer.id, answer.duplicate, None]), flush=True)


orders = Sender(**json.loads(sys.argv[1]))
for line in sys.stdin:
    users, body, keywords = json.loads(line)
    orders.notify_later(users, body, **keywords).add_done_callback(told)
print(json.dumps({"left": orders.close(30)}), flush=True)
