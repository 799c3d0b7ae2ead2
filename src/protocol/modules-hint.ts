import type { ProgramError } from "./guest-protocol.ts";

/** A program in Node may load its modules, though not by a declaration. */
export function addModulesHint(error: ProgramError): ProgramError {
  if (!/'import'|'export'/.test(error.message)) return error;
  return { ...error, hint: `${error.hint} Node's modules: const fs = await import("node:fs").` };
}
