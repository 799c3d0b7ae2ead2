"""Serves one Python program in a process of its own: commands come in as lines on standard input, messages go out as
lines on standard output. The commands are trusted; what this writes is checked again by whoever reads it. Runs after
`python-process.py`, in the same scope."""

import io
import selectors
import warnings

_MARK = re.compile(r"mcp-optimizer:[\da-f-]{36}:")


class _Selector(selectors.DefaultSelector):
    """What an event loop sleeps in: it tells when the program only waits, and wakes for answers."""

    def __init__(self):
        super().__init__()
        self._wake, waker = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(waker, False)
        self.register(self._wake, selectors.EVENT_READ)
        _host.wakers.add(waker)
        self._waker = waker

    def select(self, timeout=None):
        if _host.deliver():
            # What awaits them is ready, which the loop did not know when it chose how long to sleep.
            timeout = 0
        if timeout is None:
            self._rest()
        elif timeout > 0:
            _host.flush()
        events = super().select(timeout)
        _host.wake()
        mine = [event for event in events if event[0].fd == self._wake]
        if mine:
            os.read(self._wake, 4096)
            _host.deliver()
        return [event for event in events if event[0].fd != self._wake]

    def _rest(self):
        # The loop's own pipe and ours stand for nobody.
        others = len(self.get_map()) > 2 or threading.active_count() > _OWN_THREADS
        if _host.waits_for_calls():
            if others:
                _host.flush()
            else:
                _host.rest()
        elif not others:
            _host.never_settles()

    def close(self):
        _host.wakers.discard(self._waker)
        os.close(self._waker)
        os.close(self._wake)
        super().close()


_OWN_THREADS = 3


class _Lines(io.RawIOBase):
    """A stream whose lines are logs."""

    def __init__(self, level):
        self._level = level
        self._rest = b""

    def writable(self):
        return True

    def write(self, data):
        lines = (self._rest + bytes(data)).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            _host.log(self._level, line.decode(errors="replace"))
        # A line without end counts too.
        if len(self._rest) > _host._limits.get("maxOutputBytes", 65536):
            _host.log(self._level, self._rest.decode(errors="replace"))
        return len(data)

    def end(self):
        if self._rest:
            _host.log(self._level, self._rest.decode(errors="replace"))
            self._rest = b""


def _run_apart(main, **options):
    """`asyncio.run` of a program, which a loop of ours runs in."""
    outer = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        return _asyncio_run(main, **options)
    finally:
        asyncio._set_running_loop(outer)


def _serve():
    global _host, _asyncio_run
    # The program and its children find neither the commands nor our way out.
    commands = os.fdopen(os.dup(0), "rb", buffering=0)
    output = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(1, 2)

    reader = io.BufferedReader(commands, 1 << 16)
    mark = reader.readline().decode().strip()
    if not _MARK.fullmatch(mark):
        raise SystemExit("The first line is no mark.")
    _host = _Host(output, mark)
    streams = [_Lines("log"), _Lines("error")]
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.BufferedWriter(lines), "utf-8", "backslashreplace", line_buffering=True) for lines in streams
    )
    sys.stdin = open(0, closefd=False)
    policy = asyncio.DefaultEventLoopPolicy()
    policy._loop_factory = lambda: asyncio.SelectorEventLoop(_Selector())
    asyncio.set_event_loop_policy(policy)
    _asyncio_run, asyncio.run = asyncio.run, _run_apart

    def read():
        prefix = mark.encode()
        try:
            for line in reader:
                if line.startswith(prefix):
                    _host.receive(_loads(line[len(prefix) :]))
        except MemoryError:
            _host.out_of_memory()
        # Nobody drives it any more.
        _exit(0)

    if not hasattr(builtins, "exit"):
        # Started without `site`, which would add the machine's own packages.
        builtins.exit = builtins.quit = sys.exit
    # The hint of the error says it better.
    warnings.filterwarnings("ignore", "coroutine '_answer' was never awaited")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=read, daemon=True).start()
    _host.post({"type": "ready"})
    with _host.lock:
        while _host.command is None:
            _host.lock.wait()
    program = _host.command["program"]
    names = _dumps(_host.command["namespaces"])
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    _host.begin()
    try:
        text = loop.run_until_complete(run(program["code"], program["inputs"], names))
    except KeyboardInterrupt:
        text = "interrupted\n"
    except MemoryError:
        text = "memory\n"
    except BaseException as error:
        text = _describe(error, program["code"])
    for lines in streams:
        lines.end()
    _host.settle(text)


_serve()
