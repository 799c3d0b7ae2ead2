import { readFile } from "node:fs/promises";
import path from "node:path";
import { text } from "node:stream/consumers";
import { messageOf } from "../base/errors.ts";
import { parseJson } from "../base/json.ts";
import { isLanguage } from "../engine/program-input.ts";
import type { RunEvent, RunResult } from "../engine/run-result.ts";
import type { Language } from "../protocol/guest-protocol.ts";
import { readCount, usage, warnOfServers } from "./catalog-commands.ts";
import type { Command } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { openLocalEngine } from "./local-engine.ts";
import { colour, createProgress, type Progress, type Terminal } from "./terminal.ts";

export const runProgram: Command = {
  name: "run",
  takes: "<file | ->",
  summary: "Runs one program, from a file or from standard input, and prints what it returns as JSON.",
  flags: {
    language: { kind: "text", help: "typescript, javascript or python [by the file's name]" },
    inputs: { kind: "text", help: "what the program finds as `inputs`: JSON" },
    "max-tokens": { kind: "number", help: "most tokens of the value" },
    json: { kind: "switch", help: "print the whole result in place of the value" },
  },
  async run({ values, positionals, config, terminal }) {
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0) throw usage("Name one file, or - for standard input.");
    const program = {
      code: await readCode(file),
      language: languageOf(file, values.get("language")),
      ...readInputs(values.get("inputs")),
    };
    const maxTokens = values.get("max-tokens");
    await using local = await openLocalEngine(config, { programs: true });
    warnOfServers(local, terminal);
    using progress = createProgress(terminal.err);
    using interrupt = onInterrupt();
    const result = await local.engines.of(undefined).runner.run(program, {
      signal: interrupt.signal,
      onEvent: (event) => tell(event, progress, terminal),
      ...(maxTokens === undefined ? {} : { maxTokens: readCount(String(maxTokens)) }),
    });
    progress.clear();
    report(result, values.get("json") === true, terminal);
    return interrupt.signal.aborted ? EXIT.interrupted : exitCodeFor(result);
  },
};

async function readCode(file: string): Promise<string> {
  try {
    return file === "-" ? await text(process.stdin) : await readFile(file, "utf8");
  } catch (error) {
    throw usage(`The program can't be read: ${messageOf(error)}`);
  }
}

const BY_EXTENSION = new Map<string, Language>([
  [".py", "python"],
  [".js", "javascript"],
  [".mjs", "javascript"],
]);

function languageOf(file: string, flag: unknown): Language {
  if (flag === undefined) return BY_EXTENSION.get(path.extname(file)) ?? "typescript";
  if (isLanguage(flag)) return flag;
  throw usage("--language is typescript, javascript or python.");
}

function readInputs(flag: unknown): { readonly inputs?: unknown } {
  if (flag === undefined) return {};
  const inputs = typeof flag === "string" ? parseJson(flag) : undefined;
  if (inputs === undefined) throw usage("--inputs is no JSON.");
  return { inputs };
}

/** What a program prints goes on; what it calls is shown as long as it takes. */
function tell(event: RunEvent, progress: Progress, { err }: Terminal): void {
  if (event.type === "log") {
    progress.clear();
    err.write(`${event.text}\n`);
  } else if (event.type === "preparing") progress.show(`${event.sandbox}: ${event.step}`);
  else if (event.type === "tool_call") progress.show(`calls ${event.name}`);
}

function report(result: RunResult, isWhole: boolean, { out, err }: Terminal): void {
  if (isWhole) {
    out.write(`${JSON.stringify(result, undefined, 2)}\n`);
    return;
  }
  const fail = (message: string, hint: string | undefined): void => {
    err.write(`${colour(err, "red", "error")} ${message}\n`);
    if (hint !== undefined) err.write(`${hint}\n`);
  };
  switch (result.status) {
    case "returned":
      out.write(`${JSON.stringify(result.value, undefined, 2)}\n`);
      if (result.truncated !== undefined) err.write("The value was cut: --max-tokens shows more of it.\n");
      return;
    case "threw": {
      const { name, message, line, hint } = result.error;
      return fail(`${name}: ${message}${line === undefined ? "" : ` (line ${line})`}`, hint);
    }
    case "stopped":
      return fail(result.message, result.hint);
    case "suspended": {
      const calls = result.approvals.map(({ message }) => message).join(" ");
      return fail(
        `The program waits for a decision: ${calls}`,
        "Allow the tool in the configuration: policy.grants.",
      );
    }
    default:
      return result satisfies never;
  }
}

function exitCodeFor({ status }: RunResult): number {
  if (status === "suspended") return EXIT.undecided;
  return status === "returned" ? EXIT.done : EXIT.failed;
}

/** Aborts at the first interrupt; a second one ends the process as usual. */
function onInterrupt(): Disposable & { readonly signal: AbortSignal } {
  const interrupted = new AbortController();
  const listener = (): void => interrupted.abort();
  process.once("SIGINT", listener);
  process.once("SIGTERM", listener);
  return {
    signal: interrupted.signal,
    [Symbol.dispose]() {
      process.off("SIGINT", listener);
      process.off("SIGTERM", listener);
    },
  };
}
