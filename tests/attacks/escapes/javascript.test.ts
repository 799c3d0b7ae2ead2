// Programs in JavaScript against each engine that runs them: every detector stays silent. The control,
// the same programs where nothing holds them, is unsafe-javascript.control.ts.

import { describe } from "vitest";
import { NESTED_WORKERS } from "../../suites/differences.ts";
import { skipAllWhere } from "../../suites/skips.ts";
import { BENIGN_PROGRAMS } from "./benign-programs.ts";
import { escapeSuite } from "./escape-suite.ts";
import { openProduct } from "./executor.ts";
import { JAVASCRIPT_ESCAPES } from "./javascript-cases.ts";
import { JAVASCRIPT_LIMIT_ESCAPES } from "./javascript-limit-cases.ts";

describe.for(["quickjs", "native"] as const)("programs in %s", (target) => {
  if (target === "native") skipAllWhere(NESTED_WORKERS);
  escapeSuite({
    target,
    open: ({ secret }) => openProduct(target, secret),
    benign: BENIGN_PROGRAMS.javascript,
    cases: [...JAVASCRIPT_ESCAPES, ...JAVASCRIPT_LIMIT_ESCAPES],
  });
});
