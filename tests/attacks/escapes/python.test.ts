// Programs in Python against the engine that runs them: every detector stays silent. The control, the
// same programs where nothing holds them, is unsafe-python.test.ts.

import { escapeSuite } from "./escape-suite.ts";
import { PYTHON_ESCAPES } from "./python-cases.ts";
import { PYTHON_LIMIT_ESCAPES } from "./python-limit-cases.ts";

escapeSuite("pyodide", [...PYTHON_ESCAPES, ...PYTHON_LIMIT_ESCAPES]);
