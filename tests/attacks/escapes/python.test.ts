// Programs in Python against the engine that runs them: every detector stays silent. The control, the
// same programs where nothing holds them, is unsafe-python.control.ts.

import { BENIGN_PROGRAMS } from "./benign-programs.ts";
import { escapeSuite } from "./escape-suite.ts";
import { openProduct } from "./executor.ts";
import { PYTHON_ESCAPES } from "./python-cases.ts";
import { PYTHON_LIMIT_ESCAPES } from "./python-limit-cases.ts";

escapeSuite({
  target: "pyodide",
  open: ({ secret }) => openProduct("pyodide", secret),
  benign: BENIGN_PROGRAMS.python,
  cases: [...PYTHON_ESCAPES, ...PYTHON_LIMIT_ESCAPES],
});
