"""What a Python program finds, and how it is run: inside the interpreter, before the program. The program shares
this interpreter: nothing here is a boundary, who drives it checks everything again. `python-values.py` runs
before it, in the same scope; after it what this interpreter has around it: `_host`, `_wait`, which gives the answer to
the call that was just made once it is there, and `_future`, which makes one of the running event loop."""

import ast
import base64
import builtins
import json
import sys
from types import CoroutineType, ModuleType

try:
    from _opcode_metadata import opmap
except ImportError:
    from opcode import opmap

# The program may change these later.
_dumps, _loads = json.dumps, json.loads
_decode = base64.b64decode

FILENAME = "program.py"
VALUE = "__value__"


class ToolError(Exception):
    """A call that failed: `kind`, `code`, `hint`, `tool` and `server` say how."""

    def __init__(self, details):
        super().__init__(details["message"])
        self.kind = details["kind"]
        self.code = details["code"]
        self.hint = details.get("hint")
        self.tool = details.get("tool")
        self.server = details.get("server")


# --- calls ---------------------------------------------------------------------------------------


def _revive(value):
    if isinstance(value, list):
        return [_revive(item) for item in value]
    if isinstance(value, dict):
        if isinstance(value.get("$bytes"), str) and len(value) == 1:
            return _decode(value["$bytes"])
        return {key: _revive(item) for key, item in value.items()}
    return value


def _receive(answer):
    """An answer is text: how it ended in one letter, then JSON."""
    value = _loads(answer[1:])
    match answer[0]:
        case "v":
            return value
        case "b":
            return _revive(value)
    raise ToolError(value)


# `CO_COROUTINE` and `CO_ASYNC_GENERATOR` of `inspect`, which takes long to load.
_COROUTINE, _ASYNC_GENERATOR = 0x80, 0x200
_ASYNCHRONOUS = _COROUTINE | _ASYNC_GENERATOR
_COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>")
_CACHE, _HANDS_ON = opmap["CACHE"], (opmap["RETURN_VALUE"], opmap["YIELD_VALUE"])


def _is_awaited_somewhere(frame):
    """Whether who gets the value of the running call can await it.

    In asynchronous code it can. A function, lambda or generator expression that hands the value on as it
    is (`lambda id: tools.notes.read(id=id)`) leaves it to its caller.
    """
    while frame is not None:
        code = frame.f_code
        if code.co_flags & _ASYNCHRONOUS:
            return True
        # Before Python 3.12 a comprehension is a function, though it stands for the code around it.
        if code.co_name in _COMPREHENSIONS:
            frame = frame.f_back
            continue
        steps = code.co_code
        at = frame.f_lasti + 2
        while steps[at] == _CACHE:
            at += 2
        if steps[at] not in _HANDS_ON:
            return False
        frame = frame.f_back
    return False


_waiting = {}


def deliver(number, answer):
    """Hands an answer to who awaits it."""
    future = _waiting.pop(number)
    if not future.done():
        future.set_result(answer)


async def _answer(future):
    return _receive(await future)


def _ask(frame, operation, target, arguments):
    """Starts a call at once. The caller gets an awaitable, or in synchronous code the value."""
    number = _host.call(operation, target, arguments)
    if _is_awaited_somewhere(frame):
        # A promise for each call would cost more than all the rest of it.
        future = _waiting[number] = _future()
        return _answer(future)
    return _receive(_wait(number))


class _Tool:
    __slots__ = ("_path",)

    def __init__(self, path):
        self._path = path

    def __call__(self, arguments=None, /, **named):
        if arguments is not None and not isinstance(arguments, dict):
            raise TypeError(f"tools.{self._path} takes its arguments by name, such as name=value")
        text = _to_json({**(arguments or {}), **named}, "args", "base64")
        return _ask(sys._getframe(1), "tool", self._path, text)

    def __repr__(self):
        return f"<tool {self._path}>"


class _Names:
    """Tools by attribute or by index; looked up when they are called."""

    __slots__ = ()

    def __getattr__(self, name):
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return self[name]


class _Server(_Names):
    __slots__ = ("_name",)

    def __init__(self, name):
        self._name = name

    def __getitem__(self, name):
        return _Tool(f"{self._name}.{name}")

    def __repr__(self):
        return f"<tools of {self._name}>"


class _Tools(_Names):
    __slots__ = ()

    def __getitem__(self, name):
        return _Server(name)

    def __iter__(self):
        return iter(_namespaces)

    def __contains__(self, name):
        return name in _namespaces

    def __dir__(self):
        return [*_namespaces, "search", "describe"]

    def search(self, query, limit=None):
        arguments = {"query": query} if limit is None else {"query": query, "limit": limit}
        return _ask(sys._getframe(1), "search", "", _to_json(arguments, "search", "base64"))

    def describe(self, names, **options):
        arguments = {"names": [names] if isinstance(names, str) else list(names), **options}
        return _ask(sys._getframe(1), "describe", "", _to_json(arguments, "describe", "base64"))


class _Context:
    """What this session keeps between its programs, in whatever language they are."""

    __slots__ = ()

    def get(self, key):
        return _ask(sys._getframe(1), "context_get", "", _to_json({"key": key}, "key", "keep"))

    def set(self, key, value):
        arguments = _to_json({"key": key, "value": value}, "value", "keep")
        return _ask(sys._getframe(1), "context_set", "", arguments)

    def delete(self, key):
        return _ask(sys._getframe(1), "context_delete", "", _to_json({"key": key}, "key", "keep"))

    def keys(self):
        return _ask(sys._getframe(1), "context_keys", "", "{}")

    def open(self, handle):
        return _ask(sys._getframe(1), "context_open", "", _to_json({"handle": handle}, "handle", "keep"))


# --- programs ------------------------------------------------------------------------------------


class _TopLevel(ast.NodeVisitor):
    """Looks for a `return` outside of every function."""

    def __init__(self):
        self.returns = False

    def visit_Return(self, _node):
        self.returns = True

    def visit_FunctionDef(self, _node):
        pass

    visit_AsyncFunctionDef = visit_Lambda = visit_ClassDef = visit_FunctionDef


def _compile(source):
    """The program as code, and whether its value is that of a function that it defines."""
    tree = ast.parse(source, FILENAME)
    search = _TopLevel()
    search.visit(tree)
    if not search.returns:
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr):
            target = ast.copy_location(ast.Name(VALUE, ast.Store()), last)
            tree.body[-1] = ast.copy_location(ast.Assign([target], last.value), last)
        return compile(tree, FILENAME, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, True), False
    try:
        return _compile_function(tree, ast.FunctionDef), True
    except SyntaxError as error:
        # Only a program that awaits something is asynchronous: the others may call tools as functions.
        if "async" not in str(error):
            raise
        return _compile_function(tree, ast.AsyncFunctionDef), True


def _compile_function(tree, kind):
    """A program with `return` is the body of a function, whose names are global all the same."""
    import symtable

    # `from __future__` must stand first in a file, and has done its work when the file is parsed.
    body = [one for one in tree.body if getattr(one, "module", None) != "__future__"]
    nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    function = kind(name=VALUE, args=nothing, body=body, decorator_list=[], type_params=[])
    module = ast.fix_missing_locations(ast.Module([function], []))
    # First for its syntax errors, which have the program's own lines.
    compile(module, FILENAME, "exec", 0, True)
    scopes = symtable.symtable(ast.unparse(module), FILENAME, "exec").get_children()
    table = next(scope for scope in scopes if scope.get_name() == VALUE)
    if names := table.get_locals():
        function.body = [ast.Global(list(names)), *body]
        ast.fix_missing_locations(module)
    return compile(module, FILENAME, "exec", 0, True)


async def _execute(source, scope):
    code, is_function = _compile(source)
    value = eval(code, scope)
    if is_function:
        value = scope.pop(VALUE)()
    # The value may be a call that nobody awaited: its value is meant.
    while isinstance(value, CoroutineType):
        value = await value
    if is_function:
        return value
    value = scope.pop(VALUE, None)
    while isinstance(value, CoroutineType):
        value = await value
    return scope.get("result") if value is None else value


async def run(source, inputs, namespaces, begin=None):
    """Runs the program; `begin` is given its names before. The outcome is text: a line that says how it ended, then JSON."""
    global _namespaces
    _namespaces = _loads(namespaces)
    main = sys.modules["__main__"] = ModuleType("__main__")
    scope = main.__dict__
    data = _loads(inputs)
    scope.update(tools=_Tools(), context=_Context(), inputs=data, params=data, ToolError=ToolError)
    scope.update(json=json, __builtins__=builtins)
    if asyncio := sys.modules.get("asyncio"):
        scope["asyncio"] = asyncio
    if begin:
        begin(scope)
    try:
        value = await _execute(source, scope)
    except SystemExit as error:
        # A program may leave early; only with an error code it failed.
        if error.code:
            return _describe(error, source)
        value = scope.get("result")
    except MemoryError:
        return "memory\n"
    except KeyboardInterrupt:
        return "interrupted\n"
    except BaseException as error:
        return _describe(error, source)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    try:
        return "returned\n" + _to_json(value, "value", "describe")
    except MemoryError:
        return "memory\n"
    except BaseException as error:
        return _describe(error, source)


# --- errors --------------------------------------------------------------------------------------


def _text_of(error):
    try:
        return "\n".join([str(error), *getattr(error, "__notes__", ())])
    except Exception:
        return ""


def _describe(error, source):
    details = {"name": type(error).__name__, "message": _text_of(error), "kind": "exception"}
    if isinstance(error, ToolError):
        details["kind"] = error.kind
        if error.hint:
            details["hint"] = error.hint
    elif isinstance(error, InvalidValue):
        details.update(name="TypeError", kind="invalid_value")
    elif isinstance(error, SyntaxError) and error.filename == FILENAME:
        details.update(message=error.msg, kind="syntax")
        if error.lineno:
            details.update(line=error.lineno, column=error.offset or 1)
    elif hint := _hint(error):
        details["hint"] = hint
    frames = _frames(error, source)
    if frames:
        line, column, _ = frames[-1]
        details.update(line=line, column=column, stack="\n".join(text for _, _, text in frames))
    return "threw\n" + _dumps(details, ensure_ascii=False)


def _hint(error):
    message = str(error)
    if "'coroutine'" in message or "coroutine object" in message:
        return "A tool was not awaited: write `await` before the call."
    if isinstance(error, ModuleNotFoundError):
        return "Programs have Python's standard library and the packages that the page offers; there is no pip."
    return None


def _frames(error, source):
    """The frames of the program: line, column and text of each, the innermost last."""
    lines = source.splitlines()
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code, line = trace.tb_frame.f_code, trace.tb_lineno
        if code.co_filename == FILENAME and line:
            text = lines[line - 1] if line <= len(lines) else ""
            name = "<module>" if code.co_name == VALUE else code.co_name
            start = list(code.co_positions())[trace.tb_lasti // 2][2] or 0
            # Python counts bytes from 0, we count characters from 1.
            column = len(text.encode()[:start].decode(errors="replace")) + 1
            frames.append((line, column, f'  File "{FILENAME}", line {line}, in {name}\n    {text.strip()}'))
        trace = trace.tb_next
    return frames


_namespaces = []
