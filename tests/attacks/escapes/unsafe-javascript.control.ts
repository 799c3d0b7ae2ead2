// Control: the attacks of javascript.test.ts where nothing holds them.

import { BENIGN_PROGRAMS } from "./benign-programs.ts";
import { JAVASCRIPT_ESCAPES } from "./javascript-cases.ts";
import { JAVASCRIPT_LIMIT_ESCAPES } from "./javascript-limit-cases.ts";
import { openUnsafe } from "./unsafe-baseline.ts";
import { unsafeSuite } from "./unsafe-suite.ts";

unsafeSuite({
  target: "JavaScript in a worker of the page",
  open: (planted) => openUnsafe("javascript", planted),
  benign: BENIGN_PROGRAMS.javascript,
  cases: [...JAVASCRIPT_ESCAPES, ...JAVASCRIPT_LIMIT_ESCAPES],
  mayDie: true,
});
