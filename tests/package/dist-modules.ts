import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { type AnyNode, parse } from "acorn";

/** What one built module asks for and does, read from its syntax tree. */
export interface BuiltModule {
  /** Path from the folder, with `/`. */
  readonly path: string;
  /** Loaded together with it. */
  readonly eager: readonly string[];
  /** Loaded when it decides so. */
  readonly lazy: readonly string[];
  /** Places that turn text into code, as source text. Text inside strings is data. */
  readonly textToCode: readonly string[];
}

/** Reads every module of a built folder. */
export async function readModules(folder: string): Promise<readonly BuiltModule[]> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".js"));
  return Promise.all(
    names.map(async (name) =>
      parseModule(name.split(path.sep).join("/"), await readFile(path.join(folder, name), "utf8")),
    ),
  );
}

/** Reads one module. */
export function parseModule(name: string, text: string): BuiltModule {
  const eager: string[] = [];
  const lazy: string[] = [];
  const textToCode: string[] = [];
  visit(parse(text, { ecmaVersion: "latest", sourceType: "module" }));
  return { path: name, eager, lazy, textToCode };

  function visit(node: unknown): void {
    if (Array.isArray(node)) {
      for (const item of node) visit(item);
      return;
    }
    if (!isNode(node)) return;
    if (node.type === "ImportDeclaration" || node.type === "ExportAllDeclaration") add(eager, node.source);
    if (node.type === "ExportNamedDeclaration" && node.source) add(eager, node.source);
    if (node.type === "ImportExpression") add(lazy, node.source);
    if (node.type === "CallExpression" || node.type === "NewExpression") {
      const name = node.callee.type === "Identifier" ? node.callee.name : undefined;
      const [first] = node.arguments;
      const timer = (name === "setTimeout" || name === "setInterval") && first?.type === "Literal";
      if (name === "eval" || name === "Function" || timer)
        textToCode.push(text.slice(node.start, node.end).slice(0, 80));
    }
    for (const value of Object.values(node)) visit(value);
  }

  function add(list: string[], source: AnyNode): void {
    list.push(source.type === "Literal" ? String(source.value) : text.slice(source.start, source.end));
  }
}

/** The modules that load when the entry loads: the entry first. */
export function findEager(modules: readonly BuiltModule[], entry: string): readonly BuiltModule[] {
  return follow(modules, entry, ({ eager }) => eager);
}

/** The modules that an entry can come to load: the entry first. */
export function findReachable(modules: readonly BuiltModule[], entry: string): readonly BuiltModule[] {
  return follow(modules, entry, ({ eager, lazy }) => [...eager, ...lazy]);
}

function follow(
  modules: readonly BuiltModule[],
  entry: string,
  importsOf: (module: BuiltModule) => readonly string[],
): readonly BuiltModule[] {
  const byPath = new Map(modules.map((module) => [module.path, module]));
  const found = new Set<BuiltModule>();
  const pending = [entry];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const module = byPath.get(next);
    if (module === undefined) throw new Error(`${next} is not among the built modules`);
    if (found.has(module)) continue;
    found.add(module);
    const folder = path.posix.dirname(next);
    pending.push(
      ...importsOf(module)
        .filter((name) => name.startsWith("."))
        .map((name) => path.posix.join(folder, name)),
    );
  }
  return [...found];
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}
