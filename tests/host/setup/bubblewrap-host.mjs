// @ts-check
// A host in a process of its own that runs a program without an end in bubblewrap(). Says its name when that runs.

import { openSourceServer } from "../../setup/source-server.mjs";

const server = await openSourceServer();
const { bubblewrap } = await server.ssrLoadModule("/src/host/sandbox/bubblewrap.ts");
const { hostIdentity } = await server.ssrLoadModule("/src/host/sandbox/host-identity.ts");
const { resolveLimits } = await server.ssrLoadModule("/src/sandbox/limits.ts");

const probed = { usable: true, strength: "container", walls: [] };
const session = bubblewrap({ probed }).open("s", resolveLimits({}));
const port = {
  namespaces: [],
  call: async () => ({ ok: true, json: "1" }),
  log: () => console.log(hostIdentity()),
  notice() {},
};
const code = `
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    os.fork()
print("up")
while True: time.sleep(1)`;
await session.run({ language: "python", code, inputs: "{}" }, port, new AbortController().signal);
