"""A notifier that does what it is told: one JSON line `[method, arguments, keywords]` in, one JSON line out."""
import json
import sys

from heraldo_notifier import Notifier, NotifierError

orders = Notifier(**json.loads(sys.argv[1]))
print(json.dumps({"result": orders.address}), flush=True)
for line in sys.stdin:
    method, arguments, keywords = json.loads(line)
    try:
        print(json.dumps({"result": getattr(orders, method)(*arguments, **keywords)}), flush=True)
    except NotifierError as error:
        print(json.dumps({"error": error.code}), flush=True)
