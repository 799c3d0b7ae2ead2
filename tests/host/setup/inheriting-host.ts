// A host that was started with a descriptor that it knows nothing of. Prints what its processes find there: one that
// is started as sandboxes are, and one that is not.

import { spawnSync } from "node:child_process";
import { startChild } from "../../../src/host/sandbox/sandbox-process.ts";

const look = 'for fd in /proc/self/fd/[1-9]*; do [ -f "$fd" ] && head -c 100 "$fd"; done';

const { channel, gone } = startChild("/bin/bash", ["-c", look]);
const guarded = await channel.start().then(String, (error: unknown) => String(error));
await gone;
const plain = spawnSync("/bin/bash", ["-c", look], { encoding: "utf8" });
console.log(JSON.stringify({ guarded, plain: plain.stdout }));
