import path from "node:path";
import { parseAst } from "rolldown/parseAst";

/** A source file: its path from `src/`, with `/`, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

const MIDDLE = ["sandbox", "tools", "mcp", "context", "capabilities", "telemetry"] as const;
const BELOW_SESSIONS = ["version", "base", "protocol", ...MIDDLE];
const NEUTRAL = [...BELOW_SESSIONS, "sessions", "engine"];

/** Which parts of `src/` each part may import, beside itself. A part is a folder, or a file at the top. */
const MAY_IMPORT: ReadonlyMap<string, readonly string[]> = new Map([
  ["version", []],
  ["base", ["version"]],
  ["protocol", ["version", "base"]],
  ["runtimes", ["version", "base", "protocol"]],
  ...MIDDLE.map((part) => [part, BELOW_SESSIONS] as const),
  ["sessions", BELOW_SESSIONS],
  ["engine", [...BELOW_SESSIONS, "sessions"]],
  ["create-optimizer", NEUTRAL],
  ["index", [...NEUTRAL, "create-optimizer"]],
  ["webcontainer", NEUTRAL],
  ["remote", NEUTRAL],
  ["sign-in", NEUTRAL],
  ["adaptors", [...NEUTRAL, "index", "create-optimizer"]],
  ["devtools", [...NEUTRAL, "index", "create-optimizer"]],
  ["host", NEUTRAL],
  ["cli", [...NEUTRAL, "host"]],
  ["build", ["base", "runtimes", "cli"]],
]);

/** Parts that run in Node. */
const NODE_PARTS: ReadonlySet<string> = new Set(["host", "cli", "build"]);
/** Parts that may touch a page: they wire or are the browser's own. */
const PAGE_PARTS: ReadonlySet<string> = new Set([
  "index",
  "webcontainer",
  "remote",
  "sign-in",
  "create-optimizer",
  "adaptors",
  "devtools",
]);

/** Every import of one file that breaks a rule, as `file -> specifier: rule`. */
export function findLayerViolations(file: SourceFile): readonly string[] {
  return findSpecifiers(file).flatMap((specifier) => {
    const broken = brokenRule(file.path, specifier);
    return broken === undefined ? [] : [`${file.path} -> ${specifier}: ${broken}`];
  });
}

function brokenRule(from: string, specifier: string): string | undefined {
  const part = partOf(from);
  const allowed = MAY_IMPORT.get(part);
  if (allowed === undefined) return `no rule knows the part ${part}`;
  if (specifier.startsWith("node:"))
    return NODE_PARTS.has(part) || isNodeRuntime(from) ? undefined : "only host code imports Node";
  if (!specifier.startsWith(".")) return undefined;
  const target = path.posix.join(path.posix.dirname(from), specifier);
  if (target.startsWith("..")) return "outside of src";
  const other = partOf(target.replace(/\?.*$/, ""));
  if (isBrowserFile(target) && !isBrowserFile(from) && !PAGE_PARTS.has(part))
    return "neutral code imports no browser code";
  // A sandbox ships its runtime as text or a URL; it never runs it in its own thread.
  if (
    other === "runtimes" &&
    (isBrowserFile(from) || part === "host") &&
    /\?(script|node|worker|url|raw)(&sha256)?$/.test(specifier)
  )
    return undefined;
  return other === part || allowed.includes(other) ? undefined : `${part} does not import ${other}`;
}

/** `tools/broker.ts` is of `tools`, `index.ts` of `index`. */
function partOf(file: string): string {
  const [first = ""] = file.split("/");
  return first.replace(/\.[a-z]+$/, "");
}

/** A runtime that ships as text and runs in a Node process. */
function isNodeRuntime(file: string): boolean {
  return file.startsWith("runtimes/node-");
}

function isBrowserFile(file: string): boolean {
  return file.split("/").includes("browser");
}

/** What a file imports: statically, for types, by `export from`, `import()` and `new URL(…, import.meta.url)`. */
export function findSpecifiers({ path: name, text }: SourceFile): readonly string[] {
  const found: string[] = [];
  visit(parseAst(text, { lang: name.endsWith(".js") ? "js" : "ts" }, name));
  return found;

  function visit(node: unknown): void {
    if (Array.isArray(node)) {
      for (const item of node) visit(item);
      return;
    }
    if (!isNode(node)) return;
    if (/^(Import|ExportNamed|ExportAll)Declaration$|^ImportExpression$|^TSImportType$/.test(node.type))
      add(node["source"]);
    if (node.type === "TSExternalModuleReference") add(node["expression"]);
    if (node.type === "NewExpression" && isNode(node["callee"]) && node["callee"]["name"] === "URL") {
      const [first, base] = Array.isArray(node["arguments"]) ? node["arguments"] : [];
      // `new URL(file, import.meta.url)` names a file of the package; another base names an address.
      if (isNode(base) && isNode(base["object"]) && base["object"].type === "MetaProperty") add(first);
    }
    for (const value of Object.values(node)) visit(value);
  }

  function add(source: unknown): void {
    if (source === null || source === undefined) return;
    // A computed specifier could name anything, so it is reported as what no rule allows.
    const value = isNode(source) ? source["value"] : undefined;
    found.push(typeof value === "string" ? value : "../../computed");
  }
}

function isNode(value: unknown): value is { readonly type: string; readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}
