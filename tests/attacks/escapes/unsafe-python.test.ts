// Control: the attacks of python.test.ts where nothing holds them, in plain Pyodide.

import { PYTHON_ESCAPES } from "./python-cases.ts";
import { PYTHON_LIMIT_ESCAPES } from "./python-limit-cases.ts";
import { unsafeSuite } from "./unsafe-suite.ts";

unsafeSuite("python", [...PYTHON_ESCAPES, ...PYTHON_LIMIT_ESCAPES]);
