"""A bot of another language at work on its own thread map: one command a line, one answer a line, both JSON."""

import json
import sqlite3
import sys
import threading

SCHEMA = """CREATE TABLE IF NOT EXISTS sessions (
    thread_ts    TEXT PRIMARY KEY,
    session_id   TEXT NOT NULL,
    repo         TEXT NOT NULL,
    repo_path    TEXT NOT NULL,
    agent_kind   TEXT NOT NULL DEFAULT 'claude',
    channel_id   TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    last_active  TEXT NOT NULL,
    status       TEXT NOT NULL DEFAULT 'active',
    total_turns  INTEGER NOT NULL DEFAULT 0,
    model        TEXT{extra}
){options}"""
WRITE = """INSERT OR REPLACE INTO sessions
    (thread_ts, session_id, repo, repo_path, channel_id, created_at, last_active, total_turns)
    VALUES (?, ?, 'app', '/srv/app', 'C1', ?, ?, ?)"""


def connect(path, journal):
    database = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
    database.execute(f"PRAGMA journal_mode = {journal}")
    return database


class Writer:
    """Writes one thread after the other, and one again and again, until it is told to stop."""

    def __init__(self, path, journal, session_id, time):
        self.written = 0
        self.stopped = threading.Event()
        self.began = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(path, journal, session_id, time))
        self.thread.start()
        self.began.wait()

    def run(self, path, journal, session_id, time):
        database = connect(path, journal)
        while not self.stopped.is_set():
            try:
                number = self.written
                database.execute(WRITE, (f"bot-{number}", session_id, time, time, number))
                database.execute("UPDATE sessions SET total_turns = total_turns + 1 WHERE thread_ts = 'shared'")
                self.written += 1
            except sqlite3.OperationalError:
                # Busy for five seconds: it tries again, and counts what was written.
                pass
            self.began.set()
            # No bot has a message at every moment.
            self.stopped.wait(0.002)
        database.close()

    def stop(self):
        self.stopped.set()
        self.thread.join()
        return self.written


def main():
    path, journal = sys.argv[1:3]
    database = connect(path, journal)
    writer = None
    for line in sys.stdin:
        name, *args = json.loads(line)
        answer = None
        if name == "create":
            extra, options = args
            database.execute(SCHEMA.format(extra=extra, options=options))
        elif name == "sql":
            try:
                answer = database.execute(*args).fetchall()
            except sqlite3.OperationalError as error:
                answer = str(error)
        elif name == "write":
            writer = Writer(path, journal, *args)
        elif name == "stop":
            answer = writer.stop()
        print(json.dumps(answer), flush=True)
    database.close()


main()
