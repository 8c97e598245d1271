"""Reminds users of something, also those who are away, with pyzmq alone: npm run notifier reminder.py -- [--id ID] TEXT [USER...]

The ingest socket: one request, sent again under the same id until an answer says that it stands in every inbox.
"""
import argparse
import json
import os
import random
import secrets
import sys
import time

import zmq

INGEST = os.environ.get("HERALDO_INGEST", "tcp://127.0.0.1:20100")
TIMEOUT_MS = 2000
context = zmq.Context()


def encode(user):
    """What could be mistaken for punctuation is percent-encoded, and nothing else."""
    text = "".join(f"%{ord(c):02X}" if ord(c) < 32 or c in "\x7f%|" else c for c in user)
    return f"%{ord(text[0]):02X}{text[1:]}" if text[:1] in ("#", "*", "!") else text


def ask(header, body):
    """One answer, or None. A socket for each question: one that missed an answer would wait for ever."""
    with context.socket(zmq.REQ) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(INGEST)
        socket.send_multipart([json.dumps(header).encode(), json.dumps(body).encode()])
        return json.loads(socket.recv()) if socket.poll(TIMEOUT_MS) else None


def keep(header, body):
    """Asks until there is an answer that is final."""
    pause = 0.1
    while True:
        answer = ask(header, body)
        if answer is not None and (answer["ok"] or not answer["error"]["retry"]):
            return answer
        time.sleep(pause * random.uniform(0.5, 1))  # senders do not come back all at once
        pause = min(2 * pause, 5)


words = argparse.ArgumentParser(description="Reminds users of something.")
words.add_argument("--id", default=secrets.token_urlsafe(16), help="the same again reminds nobody twice")
words.add_argument("text", metavar="TEXT")
words.add_argument("users", nargs="*", default=["42"], metavar="USER")
given = words.parse_args()

names = {encode(user): user for user in given.users}
header = {"recipient": list(names), "source": "reminder", "id": given.id, "type": "reminder"}
answer = keep(header, {"text": given.text, "from": "reminder"})
if not answer["ok"]:
    sys.exit(f"reminder: {answer['error']['message']}")
for wire, position in answer["positions"].items():
    print(f"reminder: {names[wire]} {'had it already' if answer['duplicate'] else 'has it'}, as number {position['seq']}")
