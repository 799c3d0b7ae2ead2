import type { ProgramGroup } from "./ready-program.ts";

export const PYTHON_GROUPS: readonly ProgramGroup[] = [
  {
    title: "Start here",
    programs: [
      {
        id: "python-hundred-calls",
        title: "100 calls at one time",
        about:
          "asyncio.gather sends a hundred calls and waits for all of them. The usual way takes a hundred turns of the model.",
        code: `from collections import Counter

listed = await tools.errors.list_errors(severity="fatal", status="open", limit=100)

# A hundred calls leave together; the engine keeps 32 of them under way.
analyses = await asyncio.gather(
    *(tools.errors.analyze_error(id=error["id"]) for error in listed["errors"])
)

print(f"{len(analyses)} errors analyzed")
return Counter(analysis["probableCause"] for analysis in analyses).most_common(3)
`,
      },
      {
        id: "python-reduce-rows",
        title: "10,000 rows to five numbers",
        about:
          "Megabytes of rows stay in the interpreter; the standard library reduces them, and five numbers go to the model.",
        code: `import statistics

rows = (await tools.errors.list_errors(limit=10_000))["errors"]
users = sorted(row["usersAffected"] for row in rows if row["status"] == "open")

print(f"{len(rows)} rows read, {len(users)} open")
{
    "least": users[0],
    "quartiles": statistics.quantiles(users, n=4),
    "most": users[-1],
}
`,
      },
      {
        id: "python-without-await",
        title: "Tools as plain functions",
        about:
          "Synchronous code may call tools without await: in a sort key, a comprehension, a method. The interpreter is suspended until the answer is there.",
        code: `class Triage:
    def __init__(self, severity):
        self.errors = tools.errors.list_errors(severity=severity, status="open", limit=5)["errors"]

    def confidence(self, error):
        return tools.errors.analyze_error(id=error["id"])["confidence"]

    def sorted(self):
        return sorted(self.errors, key=self.confidence, reverse=True)

[(error["id"], error["code"]) for error in Triage("fatal").sorted()]
`,
      },
    ],
  },
  {
    title: "What programs can do",
    programs: [
      {
        id: "python-shared-context",
        title: "Context across languages",
        about:
          "Run it, then run “State between runs” in TypeScript: programs of one session share their context, in whatever language they are.",
        code: `runs = (await context.get("runs") or 0) + 1
await context.set("runs", runs)
await context.set("lastRun", "in Python")
{"runs": runs, "keys": await context.keys()}
`,
      },
      {
        id: "python-values",
        title: "Dates, decimals and dataclasses",
        about: "What Python has and JSON has not goes back by written rules: dates as text, sets as lists.",
        code: `import datetime
from dataclasses import dataclass
from decimal import Decimal

@dataclass
class Bill:
    due: datetime.date
    amount: Decimal
    tags: set

Bill(datetime.date(2026, 12, 24), Decimal("19.90"), {"open", "large"})
`,
      },
    ],
  },
  {
    title: "When things go wrong",
    programs: [
      {
        id: "python-memory",
        title: "A program that wants all memory",
        about:
          "Its memory has a hard cap: watch the meter. Python raises MemoryError, the run ends with code 429, and the page stays as it is.",
        code: `import time

hoard = []
while True:
    hoard.append(bytearray(1024 * 1024))
    time.sleep(0.02)
`,
      },
      {
        id: "python-endless-loop",
        title: "An endless loop",
        about: "Interrupted after one second with code 408. It may still clean up, but not go on.",
        timeoutMs: 1_000,
        code: `turns = 0
try:
    while True:
        turns += 1
finally:
    print(f"Interrupted after {turns:,} turns")
`,
      },
      {
        id: "python-mistake",
        title: "A program with a mistake",
        about: "The traceback holds only the program's own frames, with their lines.",
        code: `rows = (await tools.errors.list_errors(limit=50))["errors"]

def today(row):
    return row["count"]["today"]

max(today(row) for row in rows)
`,
      },
      {
        id: "python-escape",
        title: "An attempt to get out",
        about: "Sockets, processes and the JavaScript around the interpreter: there is nothing to find.",
        code: `import os, socket
import js

def attempt(act):
    try:
        return act()
    except BaseException as error:
        return f"{type(error).__name__}: {error}"

{
    "network": attempt(lambda: socket.create_connection(("example.com", 80), timeout=1)),
    "process": attempt(lambda: os.system("ls")),
    "page": [name for name in ("document", "fetch", "indexedDB", "parent") if hasattr(js, name)],
}
`,
      },
    ],
  },
];
