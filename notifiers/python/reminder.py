"""Reminds users of something, also those who are away: python3 reminder.py [--id ID] TEXT [USER...]"""
import argparse
import os
import sys

from heraldo_notifier import NotifierError, Sender

words = argparse.ArgumentParser(description="Reminds users of something.")
words.add_argument("--id", help="the same again reminds nobody twice")
words.add_argument("text", metavar="TEXT")
words.add_argument("users", nargs="*", default=["42"], metavar="USER")
given = words.parse_args()

with Sender(os.environ.get("HERALDO_INGEST", "tcp://127.0.0.1:20100"), source="reminder") as reminder:
    try:
        # Until a gateway has it in every inbox; while none is there, this waits.
        body = {"text": given.text, "from": "reminder"}
        answer = reminder.notify(given.users, body, type="reminder", id=given.id)
    except NotifierError as error:
        sys.exit(f"reminder: {error.message}")
    for user, position in answer.positions.items():
        print(f"reminder: {user} {'had it already' if answer.duplicate else 'has it'}, as number {position.seq}")
