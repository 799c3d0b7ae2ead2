import { messageOf, OptimizerError } from "../base/errors.ts";
import { readLines } from "../host/audit/audit-file.ts";
import type { AuditHead } from "../telemetry/audit/audit-record.ts";
import { verifyAudit } from "../telemetry/audit/verify-audit.ts";
import { usage } from "./catalog-commands.ts";
import type { Command } from "./command.ts";
import { EXIT } from "./exit-codes.ts";

export const audit: Command = {
  name: "audit",
  takes: "verify <file>",
  summary: "Checks that nobody changed an audit log, and prints its last record's number and hash.",
  flags: {
    head: {
      kind: "text",
      help: "<number>:<hash> that an earlier check printed: shows whether records behind it were cut off",
    },
  },
  async run({ values, positionals, terminal }) {
    const [what, file, ...more] = positionals;
    if (what !== "verify" || file === undefined || more.length > 0)
      throw usage("Say: mcp-optimizer audit verify <file>.");
    const given = values.get("head");
    const kept = given === undefined ? undefined : readHead(given);
    const { records, head, problem } = await verifyAudit(linesOf(file), kept);
    if (problem !== undefined) {
      terminal.err.write(`${file}:${problem.line} ${problem.kind}: ${problem.message}\n`);
      return EXIT.tampered;
    }
    terminal.out.write(`${records} records\n`);
    if (head !== undefined) terminal.out.write(`${head.seq}:${head.hash}\n`);
    return EXIT.done;
  },
};

async function* linesOf(file: string): AsyncGenerator<string> {
  try {
    yield* readLines(file);
  } catch (cause) {
    throw new OptimizerError(`${file} can't be read: ${messageOf(cause)}`, {
      code: 400,
      kind: "invalid_request",
      cause,
    });
  }
}

function readHead(text: unknown): AuditHead {
  const [, seq = "", hash = ""] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(String(text)) ?? [];
  if (hash === "") throw usage("--head takes <number>:<hash>, as audit verify prints it.");
  return { seq: Number(seq), hash };
}
