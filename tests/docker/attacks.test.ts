// Programs that want the host, in containers and on gVisor. The control, the same programs in a plain process, is
// tests/host/attacks/plain.test.ts.

import { ATTACKED_LIMITS } from "../host/attacks/host-case.ts";
import { hostAttackSuite } from "../host/attacks/host-suite.ts";
import { ONE_OF_EACH } from "./setup/places.ts";

const CONTAINER = { "shares memory between processes": "Containers have no shared memory: IpcMode is none." };

const GVISOR = {
  ...CONTAINER,
  "py-kernel-calls":
    "The kernel that answers is gVisor's, which is the program's own; the machine's hears of none.",
};

for (const { name, reason, open } of ONE_OF_EACH) {
  hostAttackSuite({
    name,
    missing: reason,
    open: () => open({ limits: ATTACKED_LIMITS }),
    skips: name.startsWith("gvisor") ? GVISOR : CONTAINER,
  });
}
