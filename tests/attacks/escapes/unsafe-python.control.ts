// Control: the attacks of python.test.ts where nothing holds them.

import { BENIGN_PROGRAMS } from "./benign-programs.ts";
import { PYTHON_ESCAPES } from "./python-cases.ts";
import { PYTHON_LIMIT_ESCAPES } from "./python-limit-cases.ts";
import { openUnsafe } from "./unsafe-baseline.ts";
import { unsafeSuite } from "./unsafe-suite.ts";

unsafeSuite({
  target: "Pyodide in a worker of the page",
  open: (planted) => openUnsafe("python", planted),
  benign: BENIGN_PROGRAMS.python,
  cases: [...PYTHON_ESCAPES, ...PYTHON_LIMIT_ESCAPES],
  mayDie: true,
});
