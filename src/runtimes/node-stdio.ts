// What runs in a Node process of its own, beside one program: commands come in as lines on standard
// input, messages go out as lines on standard output. The commands are trusted; what this writes is
// checked again by whoever reads it, because the program can write to the same stream.

import vm from "node:vm";
import { openGuest } from "./node-guest.ts";
import server from "./node-server.ts?node";

/** What our code finds in its realm beside JavaScript itself. */
const NODE_GLOBALS = [
  "clearTimeout",
  "performance",
  "process",
  "setImmediate",
  "setTimeout",
  "TextEncoder",
] as const;

// The program has this thread and may change every function that is built in. What serves it has others, and is
// there before the program.
const realm = vm.createContext(vm.constants.DONT_CONTEXTIFY);
for (const name of NODE_GLOBALS) realm[name] = globalThis[name];
vm.compileFunction(server, ["require", "openGuest"], { parsingContext: realm })(require, openGuest);
