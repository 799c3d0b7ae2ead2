// Other ways to run programs of models in Node, as their own documentation has them run one. Each makes a fresh place
// for each program, as ours do.

import { createRequire } from "node:module";
import path from "node:path";

export interface Peer {
  readonly name: string;
  /** Runs `6 * 7` in a fresh place. */
  runOnce(): Promise<unknown>;
}

/** The peers whose packages are in a folder; for one that does not load, a line that says why. */
export async function loadPeers(folder: string): Promise<readonly (Peer | string)[]> {
  const require = createRequire(path.join(folder, "package.json"));
  // Not by an import, which Vite would take for one of a source of ours.
  const load: Load = async (name) => require(name);
  const peers = [
    ["raw isolated-vm", () => isolatedVm(load)],
    ["@utcp/code-mode", () => codeMode(load)],
    ["run (Vercel)", () => vercelRun(load)],
  ] as const;
  return Promise.all(
    peers.map(async ([name, open]) => {
      try {
        return { name, runOnce: await open() };
      } catch (error) {
        return `${name} can't be loaded: ${String(error)}`;
      }
    }),
  );
}

/** A package that is not installed beside our own: whoever loads it says what it uses of it. */
type Load = <Module>(name: string) => Promise<Module>;

interface IsolatedVm {
  readonly Isolate: new (options: {
    readonly memoryLimit: number;
  }) => {
    createContext(): Promise<{
      eval(code: string, options: { readonly timeout: number }): Promise<unknown>;
    }>;
    dispose(): void;
  };
}

interface CodeMode {
  readonly CodeModeUtcpClient: {
    create(): Promise<{
      callToolChain(code: string, timeoutMs: number): Promise<{ readonly result: unknown }>;
    }>;
  };
}

interface VercelRun {
  readonly run: (options: { readonly source: string }) => Promise<{ readonly value: unknown }>;
}

async function isolatedVm(load: Load): Promise<Peer["runOnce"]> {
  const { Isolate } = await load<IsolatedVm>("isolated-vm");
  return async () => {
    const isolate = new Isolate({ memoryLimit: 64 });
    try {
      return await (await isolate.createContext()).eval("6 * 7", { timeout: 30_000 });
    } finally {
      isolate.dispose();
    }
  };
}

async function codeMode(load: Load): Promise<Peer["runOnce"]> {
  const { CodeModeUtcpClient } = await load<CodeMode>("@utcp/code-mode");
  const client = await CodeModeUtcpClient.create();
  return async () => (await client.callToolChain("return 6 * 7", 30_000)).result;
}

async function vercelRun(load: Load): Promise<Peer["runOnce"]> {
  const { run } = await load<VercelRun>("run");
  return async () => (await run({ source: "return 6 * 7" })).value;
}
