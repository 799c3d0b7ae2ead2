"""A program's process, seen from its runtime: what goes out, what comes in, and the limits. Runs after `python-guest.py`,
in the same scope."""

import os
import resource
import signal
import threading
import time
from collections import deque

_CREDIT_WINDOW = 64
_LOG_ENTRY_BYTES = 64
_MAX_TARGET = 1_024

# As in the other runtimes. Seconds.
_FLUSH = 0.005
_LOGS = 0.1

# A program that is over its time may clean up for so long. Seconds.
_GRACE = 0.12

_clock, _sleep = time.monotonic, time.sleep
_exit = os._exit


def _bytes_of(text):
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


class _Host:
    """What the program asks and says, on its way out, and the answers on their way in.

    Three threads share it: the program's, one that reads commands, and one that looks at the clock.
    """

    def __init__(self, output, mark):
        self._output = output
        self._mark = mark
        # Whoever holds it may read and change everything here; it wakes who waits for an answer.
        self.lock = threading.Condition(threading.RLock())
        self.command = None
        self._run = ""
        self._limits = {}
        self._unacknowledged = 0
        self._calls = deque()
        self._call_count = 0
        # Numbers of the calls that were sent and not answered.
        self._sent = set()
        self.answers = {}
        self._logs = []
        self._log_bytes = 0
        self._output_bytes = 0
        self._last_flush = 0.0
        self._last_usage = 0.0
        self._memory_before = 0
        self._peak = 0
        # The program's own time: what passed before, and since when it runs.
        self._used = 0.0
        self._since = None
        self.interrupted = None
        self.due = threading.Event()
        # Event loops that may sleep while an answer arrives.
        self.wakers = set()

    # Messages.

    def post(self, message):
        line = _dumps(message, separators=(",", ":"))
        with self.lock:
            self._unacknowledged += 1
            data = f"\n{self._mark}{line}\n".encode()
            while data:
                data = data[os.write(self._output, data) :]

    def receive(self, envelope):
        command = envelope.get("command")
        with self.lock:
            self._unacknowledged -= envelope["credits"]
            if command is None:
                self.due.set()
                return
            if command["type"] == "run":
                self._run = command["run"]
                self._limits = command["limits"]
                self.command = command
            elif command["type"] == "replies" and command["run"] == self._run:
                for reply in command["replies"]:
                    self._sent.discard(reply["id"])
                    self.answers[reply["id"]] = _answer_text(reply)
                self.due.set()
                for waker in self.wakers:
                    os.write(waker, b"\0")
            self.lock.notify_all()

    def flush(self, idle=False):
        """Sends what waits, as far as there is room. A program that only waits says so once."""
        with self.lock:
            self._last_flush = _clock()
            said = not idle
            while self._unacknowledged < _CREDIT_WINDOW - 1:
                calls = self._take_calls()
                logs = self._logs
                if not calls and not logs and said:
                    return
                self._logs, self._log_bytes, said = [], 0, True
                self.post({"type": "turn", "run": self._run, "idle": idle, "calls": calls, "logs": logs})

    def _take_calls(self):
        calls, size = [], 0
        while self._calls and len(self._sent) < self._limits["maxToolCallsInFlight"]:
            arguments = _bytes_of(self._calls[0]["args"])
            if calls and size + arguments > self._limits["maxMessageBytes"]:
                break
            size += arguments
            calls.append(self._calls.popleft())
            self._sent.add(calls[-1]["id"])
        return calls

    # What the guest's side asks for.

    def nestsDeeper(self, text, depth):
        level, in_text, escaped = 0, False, False
        for letter in text:
            if in_text:
                in_text = escaped or letter != '"'
                escaped = letter == "\\" and not escaped
            elif letter == '"':
                in_text = True
            elif letter in "[{":
                level += 1
                if level > depth:
                    return True
            elif letter in "]}":
                level -= 1
        return False

    def call(self, operation, target, arguments):
        limits = self._limits
        with self.lock:
            self._call_count += 1
            number = self._call_count
            if number > limits["maxToolCalls"]:
                self.stop("tool_calls", f"The program made more than {limits['maxToolCalls']} calls.")
            if _bytes_of(arguments) > limits["maxMessageBytes"] or len(target) > _MAX_TARGET:
                self.stop("output", f"A call's arguments exceed {limits['maxMessageBytes']} bytes.")
            self._calls.append({"id": number, "operation": operation, "target": target, "args": arguments})
            self.due.set()
            return number

    def log(self, level, text):
        size = _bytes_of(text) + _LOG_ENTRY_BYTES
        with self.lock:
            self._output_bytes += size
            if self._output_bytes > self._limits["maxOutputBytes"]:
                self.stop("output", f"The logs exceed {self._limits['maxOutputBytes']} bytes.")
            self._log_bytes += size
            self._logs.append({"level": level, "text": text})
            # The first of a while goes out at once: an interpreter may die without a word.
            if _clock() - self._last_flush > _LOGS:
                self.flush()

    # Waiting.

    def wait(self, number):
        """The answer to a call, for who can't await it."""
        with self.lock:
            is_main = threading.current_thread() is threading.main_thread()
            if is_main and number not in self.answers:
                self.rest()
            while number not in self.answers:
                self.lock.wait()
            if is_main:
                self.wake()
            return self.answers.pop(number)

    def deliver(self):
        """Hands the answers to who awaits them. Tells whether there were any."""
        with self.lock:
            arrived = [(number, self.answers.pop(number)) for number in [*self.answers] if number in _waiting]
        for number, answer in arrived:
            deliver(number, answer)
        return bool(arrived)

    def rest(self):
        """The program can only go on when it is answered: its clock stands still."""
        with self.lock:
            self._used = self.used()
            self._since = None
            self.flush(idle=True)

    def wake(self):
        with self.lock:
            if self._since is None:
                self._since = _clock()

    def waits_for_calls(self):
        with self.lock:
            return bool(self._sent or self._calls or self.answers)

    def used(self):
        return self._used if self._since is None else self._used + _clock() - self._since

    # The end.

    def stop(self, reason, message):
        self.end({"status": "stopped", "reason": reason, "message": message})

    def end(self, outcome):
        """Tells the outcome, and ends the process: whatever still runs in it goes with it."""
        with self.lock:
            if self.interrupted is not None and outcome["status"] != "stopped":
                outcome = self._over_time()
            self.look_at_memory()
            done = {"type": "done", "run": self._run, "outcome": outcome, "logs": self._logs}
            self.post({**done, "peakMemoryBytes": self._peak})
            _exit(0)

    def settle(self, text):
        status, _, payload = text.partition("\n")
        if status == "memory":
            self.out_of_memory()
        if status == "interrupted":
            error = {"name": "KeyboardInterrupt", "message": "", "kind": "exception"}
            self.end({"status": "threw", "error": error})
        limit = self._limits["maxOutputBytes"]
        with self.lock:
            if self._output_bytes + _bytes_of(payload) > limit:
                self.stop("output", f"The value and the logs exceed {limit} bytes.")
            if status == "returned":
                self.end({"status": "returned", "json": payload})
            self.end({"status": "threw", "error": _loads(payload)})

    def never_settles(self):
        error = {
            "name": "Error",
            "message": "The program waits for something that never happens.",
            "kind": "never_settles",
            "hint": "Await only calls of tools and timers.",
        }
        self.end({"status": "threw", "error": error})

    def _over_time(self):
        milliseconds = self._limits["timeoutMs"]
        return {
            "status": "stopped",
            "reason": "timeout",
            "message": f"The program ran longer than {milliseconds} ms.",
        }

    # The watch.

    def begin(self):
        """From here on the program's clock runs, and what it allocates counts."""
        threading.Thread(target=self._watch, daemon=True).start()
        held, _ = _address_space()
        self._memory_before = held
        # Past it Python itself says MemoryError. Whoever runs this process has the limit that holds.
        if held:
            _limit_memory(held + self._limits["memoryBytes"])
        self.wake()

    def out_of_memory(self):
        # There must be room to say so.
        _limit_memory(resource.getrlimit(resource.RLIMIT_AS)[1])
        mebibytes = round(self._limits["memoryBytes"] / 2**20)
        self.stop("memory", f"The program needs more than {mebibytes} MiB of memory.")

    def look_at_memory(self):
        held, peak = _address_space()
        self._peak = max(0, peak - self._memory_before)
        return max(0, held - self._memory_before)

    def _watch(self):
        try:
            while True:
                self.due.wait(0.02)
                if self.due.is_set():
                    # Calls wait a moment for company; a program that rests has sent them itself.
                    _sleep(_FLUSH)
                    self.due.clear()
                    with self.lock:
                        if self._calls:
                            self.flush(idle=self._since is None)
                self._tick()
        except MemoryError:
            self.out_of_memory()

    def _tick(self):
        with self.lock:
            now = _clock()
            if self._logs and (self.interrupted or self._log_bytes > 65536 or now - self._last_flush > _LOGS):
                self.flush()
            if now - self._last_usage > _LOGS and self._unacknowledged < _CREDIT_WINDOW - 1:
                self._last_usage = now
                self.post({"type": "usage", "run": self._run, "memoryBytes": self.look_at_memory()})
            if self.interrupted is not None:
                if now - self.interrupted > _GRACE:
                    self.end(self._over_time())
            elif self.used() * 1000 > self._limits["timeoutMs"]:
                self.interrupted = now
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def _address_space():
    """What the process holds now, and the most that it held. Bytes. Linux alone tells it."""
    try:
        with open("/proc/self/status", "rb") as file:
            status = file.read()
    except OSError:
        return 0, 0
    sizes = dict(re.findall(rb"^(VmSize|VmPeak):\s+(\d+) kB$", status, re.MULTILINE))
    return tuple(int(sizes.get(name, 0)) * 1024 for name in (b"VmSize", b"VmPeak"))


def _limit_memory(most):
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _answer_text(reply):
    if not reply["ok"]:
        return "e" + _dumps(reply["error"])
    return ("b" if reply.get("bytes") else "v") + reply["json"]


def _wait(number):
    return _host.wait(number)
