// Control: the attacks of javascript.test.ts where nothing holds them.

import { JAVASCRIPT_ESCAPES } from "./javascript-cases.ts";
import { JAVASCRIPT_LIMIT_ESCAPES } from "./javascript-limit-cases.ts";
import { unsafeSuite } from "./unsafe-suite.ts";

unsafeSuite("javascript", [...JAVASCRIPT_ESCAPES, ...JAVASCRIPT_LIMIT_ESCAPES]);
