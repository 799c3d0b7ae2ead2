"""What a Python program leaves to the next one of its session: what pickles. The bytes are read nowhere but
in an interpreter of the same session. Runs after `python-guest.py`, in the same scope."""

import base64
from types import FunctionType, ModuleType

# Every program finds these anew.
_ANEW = {"tools", "context", "inputs", "params", "ToolError", "asyncio", "json"}
_kept = None


def _pickler(pickle):
    class Keeper(pickle.Pickler):
        def persistent_id(self, value):
            return value.__name__ if isinstance(value, ModuleType) else None

        def reducer_override(self, value):
            # Pickle would write a name, under which the next interpreter finds nothing.
            if isinstance(value, (FunctionType, type)) and value.__module__ == "__main__":
                raise pickle.PicklingError(f"{value.__qualname__} is the program's own")
            return NotImplemented

    return Keeper


def _pickled(names, pickle, keeper):
    import io

    file = io.BytesIO()
    keeper(file, pickle.HIGHEST_PROTOCOL).dump(names)
    return file.getvalue()


def _keep(scope, max_bytes):
    """Takes what is to be kept. Returns the sentence that names what is not, or nothing."""
    global _kept
    import pickle

    keeper = _pickler(pickle)
    names = {name: value for name, value in scope.items() if name not in _ANEW and name[:2] != "__"}
    lost = []
    try:
        data = _pickled(names, pickle, keeper)
    except Exception:
        # One by one, to find those that can't; then together, so that what is shared stays shared.
        for name, value in list(names.items()):
            try:
                _pickled(value, pickle, keeper)
            except Exception:
                lost.append(name)
                del names[name]
        data = _pickled(names, pickle, keeper)
    _kept = base64.b64encode(data).decode() if len(data) <= max_bytes else ""
    return f"These globals are not kept, because they don't pickle: {', '.join(sorted(lost))}" if lost else ""


def _restore(scope, data):
    """Puts what was kept into the scope. Returns the sentence that says why not, or nothing."""
    import importlib
    import io
    import pickle

    class Finder(pickle.Unpickler):
        def persistent_load(self, name):
            return importlib.import_module(name)

    try:
        names = Finder(io.BytesIO(data)).load()
        scope.update({name: value for name, value in names.items() if name not in _ANEW})
    except Exception as error:
        return f"The program begins without the session's globals: {type(error).__name__}: {_text_of(error)}"
    return ""


async def run_keeping(source, inputs, namespaces, before, max_bytes):
    """As `run`, over what the program before left. What is kept are the names of its module."""
    scope = {}

    def begin(names):
        nonlocal scope
        scope = names
        if before:
            _warn(_restore(scope, before))

    outcome = await run(source, inputs, namespaces, begin)
    if outcome.startswith(("returned\n", "threw\n")):
        try:
            _warn(_keep(scope, max_bytes))
        except KeyboardInterrupt:
            return "interrupted\n"
        except BaseException as error:
            _warn(f"The session's globals can't be kept: {type(error).__name__}: {_text_of(error)}")
    return outcome


def _warn(text):
    if text:
        _host.warn(text)


def kept():
    """What was kept as base64: a text without anything when it is too large, and `None` when it could not be taken."""
    return _kept
