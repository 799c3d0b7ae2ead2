"""What the guest's side needs of Pyodide. Runs after `python-guest.py`, in the same scope."""

import asyncio
import sys
import time
from collections import deque
from types import ModuleType

from pyodide.ffi import can_run_sync, create_once_callable, run_sync

_now = time.perf_counter
_Future, _running_loop = asyncio.Future, asyncio.get_running_loop


def _future():
    return _Future(loop=_running_loop())


def _wait(_number):
    promise = _host.promise()
    if not can_run_sync():
        raise RuntimeError(
            "This browser can't wait for a tool inside synchronous code: write `await` before the call, in an `async def`."
        )
    return run_sync(promise)


# --- the event loop ------------------------------------------------------------------------------

SLICE_SECONDS = 0.004

_ready = deque()
_turning = False


def _schedule(callback, ms):
    """What Pyodide's event loop wants to run. Each callback of its own would cost a task of the browser, and a stack."""
    if ms > 0:
        _host.schedule(create_once_callable(lambda: _schedule(callback, 0)), ms)
        return
    _ready.append(callback)
    if not _turning:
        _host.soon()


def turn():
    """Runs what is ready, for a moment: then answers come in."""
    global _turning
    if not _host.entered():
        return
    _turning = True
    until = _now() + SLICE_SECONDS
    try:
        while _ready:
            # This may suspend. The host sees that, and has another turn run the rest.
            _ready.popleft()()
            if _now() > until:
                break
    finally:
        _turning = False
        _host.turned(bool(_ready))


def _close_bridge():
    """Takes Python's ways to JavaScript out of its modules. That a program finds another one is expected:
    the worker around it holds nothing of worth. But through these it could fill memory outside of its own.
    """
    from types import SimpleNamespace

    from _pyodide._importhook import jsfinder

    for name in ("pyodide_js", "pyodide_js._api"):
        jsfinder.jsproxies.pop(name, None)
        sys.modules[name] = ModuleType(name)
    # Pyodide's own event loop asks for this.
    sys.modules["pyodide_js._api"].config = SimpleNamespace(enableRunUntilComplete=True)
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("pyodide", "_pyodide", "_pyodide_core"):
            for bridge in ("to_js", "create_proxy", "run_js"):
                module.__dict__.pop(bridge, None)


def install(host):
    global _host
    _host = host
    import random

    from pyodide import webloop

    # A snapshot has the state of its generator.
    random.seed()
    # All that Python schedules goes by our clock.
    webloop.scheduleCallback = _schedule
    webloop.create_once_callable = lambda callback, _may_syncify: callback
    sys.stdout.reconfigure(line_buffering=True)
    sys.stderr.reconfigure(line_buffering=True)
    _close_bridge()
    return run
