// The document that @webcontainer/api loads in its frame, as far as our adapter talks to it: the same
// first message, the same Comlink, the same calls. What the real one does inside the browser, this one
// hands to `service.ts`, where a real Node runs.

import { Comlink } from "../../../../node_modules/@webcontainer/api/dist/vendor/index.js";
import type { ServiceEvent, SpawnRequest } from "./service.ts";

type Listener = ((data: Uint8Array | null) => Promise<void>) | undefined;

const query = new URLSearchParams(location.search);
const client = query.get("client_id") ?? "";

async function post(path: string, body: unknown = null): Promise<unknown> {
  const response = await fetch(path, { method: "POST", body: JSON.stringify(body) });
  const answer: { readonly error?: string; readonly value?: unknown } = await response.json();
  if (answer.error !== undefined) throw new Error(answer.error);
  return answer.value;
}

async function build(): Promise<object> {
  const id = String(await post(`/containers?client=${encodeURIComponent(client)}`));
  const root = `/containers/${id}`;
  const outputs = new Map<number, Listener>();
  const exits = new Map<number, PromiseWithResolvers<number>>();
  void follow(`${root}/events`, async (event) => {
    const data = event.type === "output" ? Uint8Array.from(atob(event.base64), (c) => c.charCodeAt(0)) : null;
    // One piece at a time, as a terminal gives them. A page that has given up its stream refuses.
    await outputs
      .get(event.process)?.(data)
      .catch(() => undefined);
    if (event.type === "exit") exits.get(event.process)?.resolve(event.code);
  });

  const fs = Object.fromEntries(
    ["rm", "readFile", "rename", "writeFile", "readdir", "mkdir"].map((operation) => [
      operation,
      (...args: readonly unknown[]) => post(`${root}/fs/${operation}`, args),
    ]),
  );
  return Comlink.proxy({
    fs: () => Comlink.proxy({ ...fs }),
    previewScript: () => null,
    runtimeInfo: () => ({ path: "/usr/bin", cwd: `/home/${id}` }),
    loadFiles: (files: Uint8Array, { mountPoints }: { readonly mountPoints?: string }) =>
      post(`${root}/mount`, {
        mountPoint: mountPoints ?? ".",
        tree: JSON.parse(new TextDecoder().decode(files)),
      }),
    async run(request: SpawnRequest, _stdout: Listener, _stderr: Listener, output: Listener) {
      const process = Number(await post(`${root}/reserve`));
      const exit = Promise.withResolvers<number>();
      outputs.set(process, output);
      exits.set(process, exit);
      await post(`${root}/processes/${process}/spawn`, request);
      return Comlink.proxy({
        onExit: exit.promise,
        write: (text: string) => post(`${root}/processes/${process}/write`, text),
        kill: () => post(`${root}/processes/${process}/kill`),
        resize: () => {},
      });
    },
    teardown: () => post(`${root}/teardown`),
  });
}

async function follow(path: string, listen: (event: ServiceEvent) => Promise<void>): Promise<void> {
  const { body } = await fetch(path);
  if (body === null) return;
  // WebKit can't iterate a stream.
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    const lines = (rest + value).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) await listen(JSON.parse(line));
  }
}

const mode = await post(`/mode?client=${encodeURIComponent(client)}`);
const { port1, port2 } = new MessageChannel();
Comlink.expose(
  {
    build() {
      if (mode === "refuse") throw new Error("this origin has no licence");
      if (mode === "warn") return new Promise(() => {});
      return build();
    },
  },
  port1,
);
if (mode === "warn") {
  parent.postMessage({ type: "warning", level: "warn", message: "This key has expired." }, "*");
}
parent.postMessage({ type: "init" }, "*", [port2]);
