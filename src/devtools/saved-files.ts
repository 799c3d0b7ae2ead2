import { isJsonObject, type Json, parseJson } from "../base/json.ts";
import { redactCode, withoutCredentials } from "../telemetry/redact.ts";
import { hideText } from "./hide.ts";
import type { RecordedRun } from "./recorded-run.ts";
import type { RecordedTool } from "./recorded-tools.ts";

/** The program of a run as a module that defines an intent; `undefined` where no program is kept. */
export function skillText({ number, program, calls }: RecordedRun): string | undefined {
  if (program === undefined) return undefined;
  const { language } = program;
  const tools = [
    ...new Set(calls.flatMap(({ name, record }) => (record?.error === undefined ? [name] : []))),
  ];
  return `import { defineIntent } from "mcp-optimizer";

// The program of run ${number}. It finds its parameters as \`params\`, and as \`inputs\`.
// Tools that it called: ${JSON.stringify(tools)}
export const savedRun = defineIntent({
  name: "saved_run_${number}",
  description: "Describe what it does, for whoever looks for it.",
  program: {
    language: ${JSON.stringify(language)},
    code: ${linesText(redactCode(program.code), "    ")},
  },
});
`;
}

/**
 * A run as a test for Vitest in a browser: the program, with the answers that its tools gave, has to end as it did.
 * `undefined` where no program is kept. Credentials are hidden in it, in answers and expectations alike.
 */
export function testText(run: RecordedRun): string | undefined {
  const { number, program, calls, result, value } = run;
  if (program === undefined || result === undefined) return undefined;
  const tools = calls.flatMap(({ name, args, answer }): RecordedTool[] => {
    const parsed = args === undefined ? undefined : parseJson(args);
    if (answer === undefined || !isJsonObject(parsed)) return [];
    const given = clean(parsed);
    const part = { ref: name, args: isJsonObject(given) ? given : {} };
    return [
      answer.ok
        ? { ...part, value: clean(parseJson(answer.json) ?? null) }
        : { ...part, error: hideText(answer.message) },
    ];
  });
  const expected =
    result.status === "returned"
      ? { status: result.status, value: clean(parseJson(value ?? "null") ?? null) }
      : result.status === "threw"
        ? { status: result.status, error: { name: result.error.name, kind: result.error.kind } }
        : { status: result.status };
  return `import { createOptimizer, memory } from "mcp-optimizer";
import { recordedTools } from "mcp-optimizer/devtools";
import { expect, test } from "vitest";

// What the tools answered in run ${number}, in the order of the calls.
const calls = [
${tools.map((tool) => `  ${JSON.stringify(tool)},`).join("\n")}
];

test("run ${number} ends as it did", async () => {
  await using context = memory();
  await using optimizer = await createOptimizer({ ...recordedTools(calls), context });
  const result = await optimizer.run({
    language: ${JSON.stringify(program.language)},
    code: ${linesText(redactCode(program.code), "    ")},
    inputs: ${JSON.stringify(clean(parseJson(program.inputs) ?? {}))},
  });
  expect(result).toMatchObject(${JSON.stringify(expected)});
});
`;
}

/** Code as a list of its lines, so that the file stays readable; JSON's texts are JavaScript's. */
function linesText(code: string, indent: string): string {
  const lines = code.split("\n");
  if (lines.length === 1) return JSON.stringify(code);
  return `[\n${lines.map((line) => `${indent}  ${JSON.stringify(line)},\n`).join("")}${indent}].join("\\n")`;
}

function clean(value: Json): Json {
  return withoutCredentials(value);
}
