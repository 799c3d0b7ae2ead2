// What runs in a Node process of its own, beside one program: commands come in as lines on standard
// input, messages go out as lines on standard output. The commands are trusted; what this writes is
// checked again by whoever reads it, because the program can write to the same stream.

import { readFileSync } from "node:fs";
import path from "node:path";
import vm from "node:vm";
import { openGuest } from "./node-guest.ts";
import server from "./node-server.ts?node";

/** What our code finds in its realm beside JavaScript itself. */
const NODE_GLOBALS = ["performance", "process", "setImmediate", "TextEncoder"] as const;

// The program has this thread and may change every function that is built in. What serves it has others, and is
// there before the program.
const realm = vm.createContext(vm.constants.DONT_CONTEXTIFY);
for (const name of NODE_GLOBALS) realm[name] = globalThis[name];
/** Runs a module of ours there, which finds `parts` by their names. */
const load = (source: string, parts: Readonly<Record<string, unknown>>): void =>
  vm.compileFunction(source, Object.keys(parts), { parsingContext: realm })(...Object.values(parts));

/** For programs that nobody has parsed before they come. */
const loadParser = (): unknown => {
  const exports: { prepareNodeProgram?: unknown } = {};
  load(readFileSync(path.join(__dirname, "parser.cjs"), "utf8"), { exports });
  return exports.prepareNodeProgram;
};
load(server, { require, openGuest, loadParser });
