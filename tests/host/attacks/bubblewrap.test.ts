// Programs that want the host, in bubblewrap(). The control, the same programs in a plain process, is plain.test.ts.

import { inject } from "vitest";
import { bubblewrap } from "../../../src/host/sandbox/bubblewrap.ts";
import { ATTACKED_LIMITS } from "./host-case.ts";
import { hostAttackSuite } from "./host-suite.ts";

hostAttackSuite({
  name: "bubblewrap",
  open: () => bubblewrap({ limits: ATTACKED_LIMITS }),
  missing: inject("noBubblewrap"),
});
