"""Serves one Python program in a process of its own: commands come in as lines on standard input, messages go out as
lines on standard output. The commands are trusted; what this writes is checked again by whoever reads it. Runs after
`python-process.py`, in the same scope."""

import io
from selectors import EVENT_READ, DefaultSelector

_OPENING = re.compile(r"(spare )?(mcp-optimizer:[\da-f-]{36}:)")


class _Selector(DefaultSelector):
    """What an event loop sleeps in: it tells when the program only waits, and wakes for answers."""

    def __init__(self):
        super().__init__()
        self._wake, waker = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(waker, False)
        self.register(self._wake, EVENT_READ)
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


class _AsyncioFinder:
    """Gives `asyncio` event loops of ours, whoever loads it."""

    def find_spec(self, name, _path, _target=None):
        if name != "asyncio":
            return None
        sys.meta_path.remove(self)
        spec = next(filter(None, (finder.find_spec(name, None) for finder in sys.meta_path)))
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            _prepare_asyncio(module)

        spec.loader.exec_module = exec_module
        return spec


def _prepare_asyncio(asyncio):
    global _future
    future, running_loop, run_in_loop = asyncio.Future, asyncio.get_running_loop, asyncio.run

    def _future():
        return future(loop=running_loop())

    def run_apart(main, **options):
        """`asyncio.run` of a program, which a loop of ours may run in."""
        outer = asyncio._get_running_loop()
        asyncio._set_running_loop(None)
        try:
            return run_in_loop(main, **options)
        finally:
            asyncio._set_running_loop(outer)

    policy = asyncio.DefaultEventLoopPolicy()
    policy._loop_factory = lambda: asyncio.SelectorEventLoop(_Selector())
    asyncio.set_event_loop_policy(policy)
    asyncio.run = run_apart
    # The hint of the error says it better.
    import warnings

    warnings.filterwarnings("ignore", "coroutine '_answer' was never awaited")


def _run_alone(program):
    try:
        program.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("The program awaits something outside of an event loop.")


def _serve():
    global _host
    # The program and its children find neither the commands nor our way out.
    commands = os.fdopen(os.dup(0), "rb", buffering=0)
    output = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(1, 2)

    reader = io.BufferedReader(commands, 1 << 16)
    opening = _OPENING.fullmatch(reader.readline().decode().strip())
    if not opening:
        raise SystemExit("The first line is no mark.")
    is_spare, mark = opening.groups()
    _host = _Host(output, mark)
    streams = [_Lines("log"), _Lines("error")]
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.BufferedWriter(lines), "utf-8", "backslashreplace", line_buffering=True) for lines in streams
    )
    sys.stdin = open(0, closefd=False)
    sys.meta_path.insert(0, _AsyncioFinder())

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
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=read, daemon=True).start()
    if is_spare:
        # Which takes long; another process loads it for a program that needs it.
        import asyncio  # noqa: F401
    _host.post({"type": "ready"})
    with _host.lock:
        _host.lock.wait_for(lambda: _host.command)
    program = _host.command["program"]
    names = _dumps(_host.command["namespaces"])
    # A program without these words makes no coroutine, and its calls wait for their answers.
    loop = None
    if re.search("async|await", program["code"] + program["inputs"]):
        import asyncio

        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
    _host.begin()
    try:
        running = run(program["code"], program["inputs"], names)
        text = _run_alone(running) if loop is None else loop.run_until_complete(running)
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
