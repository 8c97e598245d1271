"""A worker as it was in 2013, unchanged: npm run notifier worker2013 -- [PORT [USER...]]

It asks the registry for a place without a lease, and publishes the short form on a plain PUB socket.
"""
import json
import os
import sys
import time

import zmq

address = "tcp://127.0.0.1:" + (sys.argv[1] if len(sys.argv) > 1 else "20105")
users = sys.argv[2:] or ["42"]
context = zmq.Context()

socket = context.socket(zmq.PUB)
socket.bind(address)

registry = context.socket(zmq.REQ)
registry.connect(os.environ.get("HERALDO_REGISTRY", "tcp://127.0.0.1:20103"))
registry.send_string(json.dumps({"type": "add-publisher", "address": address}))
print("worker2013: the registry lists " + ", ".join(json.loads(registry.recv_string())), flush=True)

count = 0
while True:
    time.sleep(1)
    count += 1
    for user in users:
        socket.send_string("%s|%s" % (user, json.dumps({"text": "number %d" % count, "from": "worker2013"})))
