// `npm run reference`: writes the API reference, a Markdown file for each entry of the package, from the docstrings in the
// built declarations. It fails where an exported name has none, or where a type that an entry uses is exported nowhere.
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
  type ExtractorMessage,
} from "@microsoft/api-extractor";

const root = path.resolve(import.meta.dirname, "../..");
const target = path.join(root, "dist", "reference");

/** What a frame gives to our own sandboxes, and what a frozen run is made of: nobody else has a use for it. */
const INTERNAL: ReadonlySet<string> = new Set([
  ...["FrameWorker", "RuntimeAssets", "SpawnOptions"],
  ...["OpenCall", "SpentLimits"],
]);

/** What is read here of an item of API Extractor's model. */
interface ApiItem {
  readonly kind: string;
  readonly name?: string;
  readonly docComment?: string;
  readonly excerptTokens?: readonly { readonly text: string }[];
  readonly members?: readonly ApiItem[];
}

interface Entry {
  /** As programs import it. */
  readonly specifier: string;
  readonly items: readonly ApiItem[];
  /** Names that its declarations use and that it does not export. */
  readonly unexported: readonly string[];
}

/** The entries with declarations, by what `package.json` exports. */
async function readEntries(): Promise<readonly Entry[]> {
  const packageFile = path.join(root, "package.json");
  const { name, exports } = JSON.parse(await readFile(packageFile, "utf8")) as {
    readonly name: string;
    readonly exports: Readonly<Record<string, { readonly types?: string } | string>>;
  };
  const work = await mkdtemp(path.join(tmpdir(), "mcp-optimizer-reference-"));
  try {
    const entries: Entry[] = [];
    for (const [subpath, conditions] of Object.entries(exports)) {
      if (typeof conditions === "string" || conditions.types === undefined) continue;
      const declarations = path.join(root, conditions.types);
      const model = path.join(work, `${entries.length}.api.json`);
      const unexported = extract(declarations, model, packageFile);
      const { members } = JSON.parse(await readFile(model, "utf8")) as { members: readonly ApiItem[] };
      entries.push({
        specifier: path.posix.join(name, subpath),
        items: members[0]?.members ?? [],
        unexported,
      });
    }
    return entries;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Writes the model of an entry's declarations. Returns the names that they use and do not export. */
function extract(declarations: string, model: string, packageJsonFullPath: string): readonly string[] {
  const compilerOptions = {
    module: "esnext",
    moduleResolution: "bundler",
    target: "es2024",
    lib: ["es2024", "dom", "esnext.disposable"],
    types: ["node"],
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck: true,
    strict: true,
  };
  const none = { default: { logLevel: ExtractorLogLevel.None } };
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: declarations,
      compiler: { overrideTsconfig: { compilerOptions, files: [declarations] } },
      apiReport: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      docModel: { enabled: true, apiJsonFilePath: model },
      messages: { extractorMessageReporting: none, tsdocMessageReporting: none },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath,
  });
  const unexported: string[] = [];
  const result = Extractor.invoke(config, {
    localBuild: true,
    messageCallback(message: ExtractorMessage) {
      if (message.messageId === "ae-forgotten-export")
        unexported.push(/"(.+?)"/.exec(message.text)?.[1] ?? "?");
      message.handled = message.category !== "Compiler";
    },
  });
  if (!result.succeeded) throw new Error(`The declarations of ${declarations} can't be read`);
  return unexported;
}

/** The text of a docstring. */
function textOf(docComment = ""): string {
  return docComment
    .replace(/^\/\*\*|\*\/\s*$/g, "")
    .replace(/^[ \t]*\* ?/gm, "")
    .trim();
}

/** A declaration as code: the compiler's, with our indentation. */
function declarationOf({ excerptTokens = [] }: ApiItem, depth: number): string {
  return excerptTokens
    .map(({ text }) => text)
    .join("")
    .trim()
    .replace(/^(?: {4})+/gm, (spaces) => "  ".repeat(spaces.length / 4 - depth));
}

/** A declaration with its members and their docstrings, as code. */
function codeOf(item: ApiItem): string {
  const { members = [], kind } = item;
  const head = declarationOf(item, 0).replace(/^export (declare )?/, "");
  if (members.length === 0 && kind !== "Interface") return head;
  const lines = members.flatMap((member) => {
    const text = textOf(member.docComment);
    const comment =
      text && (text.includes("\n") ? `/**\n${text.replace(/^/gm, " * ")}\n */` : `/** ${text} */`);
    return [comment, declarationOf(member, 1)].filter(Boolean);
  });
  return `${head} {\n${lines.join("\n").replace(/^(?=.)/gm, "  ")}\n}`;
}

function render({ specifier, items }: Entry): string {
  const sections = items
    .toSorted((a, b) => (a.name ?? "").localeCompare(b.name ?? "", "en"))
    .map((item) => {
      const text = textOf(item.docComment).replace(/\{@link ([^}\s]+)[^}]*\}/g, "`$1`");
      return `## ${item.name}\n\n${text}\n\n\`\`\`ts\n${codeOf(item)}\n\`\`\`\n`;
    });
  return `# \`${specifier}\`\n\n${sections.join("\n")}`;
}

const entries = await readEntries();
const exported = entries.flatMap(({ items }) => items.flatMap(({ name }) => name ?? []));
const known = new Set([...exported, ...INTERNAL]);
const troubles = entries.flatMap(({ specifier, items, unexported }) => [
  ...items
    .filter(({ docComment }) => textOf(docComment) === "")
    .map(({ name }) => `${specifier}: ${name} has no docstring`),
  ...unexported
    .filter((name) => !known.has(name))
    .map((name) => `${specifier}: ${name} is exported by no entry`),
]);
if (troubles.length > 0) {
  console.error(`${troubles.join("\n")}\n${troubles.length} names to mend`);
  process.exitCode = 1;
}
await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
for (const entry of entries) {
  const name = entry.specifier.split("/")[1] ?? "index";
  await writeFile(path.join(target, `${name}.md`), render(entry));
}
console.log(`${path.relative(root, target)}: ${entries.length} entries, ${new Set(exported).size} names`);
