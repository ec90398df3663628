"""The scorer's end of Whetstone's pipe, shared by all processes that the evaluator starts."""

import collections
import json
import os
import socket
import sys
import threading

from . import carry

#: Where a process that the evaluator started finds the one that talks to Whetstone.
SOCKET = "WHETSTONE_SHIM_SOCKET"


class Channel:
    """Owns standard input and output: what the evaluator itself prints goes to standard error from then on."""

    def __init__(self):
        self._answers = os.fdopen(os.dup(0), "r", encoding="utf-8")
        self._questions = os.fdopen(os.dup(1), "w", encoding="utf-8")
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self._waiting = collections.deque()
        self._owner = os.getpid()
        #: Why no score can come of this evaluation, whatever the evaluator makes of the exception.
        self.refusal = None
        threading.Thread(target=self._read, daemon=True).start()

    def ask(self, question):
        if os.getpid() != self._owner:
            return _ask_owner(question)
        waiter, line = _Waiter(), carry.line({"ask": question})
        with self._lock:
            self._waiting.append(waiter)
            self._say(line)
        # The evaluator may give up waiting (an alarm, a thread's time limit): the answer is dropped when it comes.
        waiter.done.wait()
        return waiter.answer

    def refuse(self, why):
        if os.getpid() != self._owner:
            _ask_owner({"refuse": why})
        elif self.refusal is None:
            self.refusal = why

    def finish(self, frame):
        self._say(carry.line(frame))

    def _say(self, line):
        self._questions.write(line)
        self._questions.flush()

    def _read(self):
        for line in self._answers:
            waiter = self._waiting.popleft()
            try:
                waiter.answer = json.loads(line)["answer"]
            except (ValueError, KeyError, TypeError, RecursionError):
                # Whetstone passes on whatever JSON the candidate wrote; deep nesting is more than Python reads.
                pass
            waiter.done.set()
        # The conversation is over: the candidate has failed, or the time is up.
        os._exit(1)

    def serve(self):
        """Answers the evaluator's own processes too. Called before the first of them begins."""
        if SOCKET in os.environ or os.getpid() != self._owner:
            return
        import tempfile

        # A socket's path has at most some 100 characters.
        folder = tempfile.mkdtemp(prefix="shim-", dir=None if len(tempfile.gettempdir()) < 60 else "/tmp")
        path = os.path.join(folder, "socket")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        listener.listen(64)
        os.environ[SOCKET] = path

        def accept():
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self._relay, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()

    def _relay(self, connection):
        with connection, connection.makefile("rw", encoding="utf-8") as stream:
            for line in stream:
                question = json.loads(line)
                if "refuse" in question:
                    self.refuse(question["refuse"])
                    answer = None
                else:
                    answer = self.ask(question)
                stream.write(json.dumps(answer) + "\n")
                stream.flush()


class Guest:
    """The same for a process that the evaluator started."""

    def ask(self, question):
        return _ask_owner(question)

    def refuse(self, why):
        _ask_owner({"refuse": why})

    def serve(self):
        pass


class _Waiter:
    def __init__(self):
        self.done = threading.Event()
        self.answer = None


def _ask_owner(question):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(os.environ[SOCKET])
        with connection.makefile("rw", encoding="utf-8") as stream:
            stream.write(carry.line(question))
            stream.flush()
            line = stream.readline()
    if not line:
        sys.exit("the evaluation is over")
    return json.loads(line)
