// Workers that were taken over against the page: every detector stays silent. The control, the same
// workers against a page that believes them, is unsafe-protocol.control.ts.

import { BENIGN_PROGRAMS } from "./benign-programs.ts";
import { escapeSuite } from "./escape-suite.ts";
import { PROTOCOL_ESCAPES } from "./protocol-cases.ts";
import { openProtocolTarget } from "./protocol-target.ts";

escapeSuite({
  target: "protocol",
  open: openProtocolTarget,
  benign: BENIGN_PROGRAMS.protocol,
  cases: PROTOCOL_ESCAPES,
});
