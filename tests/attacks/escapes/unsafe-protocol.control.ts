// Control: the workers of protocol.test.ts against a page that believes them.

import { BENIGN_PROGRAMS } from "./benign-programs.ts";
import { PROTOCOL_ESCAPES } from "./protocol-cases.ts";
import { openUnsafeProtocol } from "./unsafe-protocol.ts";
import { unsafeSuite } from "./unsafe-suite.ts";

unsafeSuite({
  target: "a page that believes its worker",
  open: openUnsafeProtocol,
  benign: BENIGN_PROGRAMS.protocol,
  cases: PROTOCOL_ESCAPES,
  mayDie: false,
});
