import type { FileSystemTree, WebContainer, WebContainerProcess } from "@webcontainer/api";
import { ProcessChannel, type RuntimeProcess } from "../process-channel.ts";

/** A Node process in a container, ready for one run. */
export interface ContainerProcess {
  readonly channel: ProcessChannel;
  /** Resolves when the process has ended and its directory is gone. Never rejects. */
  readonly gone: Promise<void>;
}

/** Where runs have their directories, in the container's working directory. */
const FOLDER = ".mcp-optimizer";

/**
 * Starts Node with our runtime in a directory of its own: the runtime in it, the program's working
 * directory with `files` below. Rejects when `signal` aborts; what comes later is ended then.
 */
export async function startContainerProcess(
  container: WebContainer,
  files: FileSystemTree,
  signal: AbortSignal,
): Promise<ContainerProcess> {
  const [{ default: runtime }, { default: parser }] = await Promise.all([
    import("../../runtimes/node-stdio.ts?node"),
    import("../../runtimes/node-parser.ts?node"),
  ]);
  const folder = `${FOLDER}/${crypto.randomUUID()}`;
  const remove = async (): Promise<void> => {
    try {
      await container.fs.rm(folder, { recursive: true, force: true });
    } catch {
      // A container that was torn down has no folders any more.
    }
  };
  const starting = (async () => {
    await container.fs.mkdir(folder, { recursive: true });
    await container.mount(
      {
        "runtime.cjs": { file: { contents: runtime } },
        "parser.cjs": { file: { contents: parser } },
        work: { directory: files },
      },
      { mountPoint: folder },
    );
    return container.spawn("node", ["../runtime.cjs"], { cwd: `${folder}/work` });
  })();
  let process: WebContainerProcess;
  try {
    process = await unlessAborted(starting, signal);
  } catch (error) {
    starting.then((late) => late.kill()).catch(() => undefined);
    void remove();
    throw error;
  }
  const channel = new ProcessChannel(adapt(process));
  const gone = process.exit.then(remove, remove);
  try {
    await unlessAborted(channel.start(), signal);
  } catch (error) {
    channel.kill();
    throw error;
  }
  return { channel, gone };
}

/** A process of the API as one of ours. */
function adapt(process: WebContainerProcess): RuntimeProcess {
  const input = process.input.getWriter();
  return {
    output: process.output,
    exit: process.exit,
    write: (text) => void input.write(text).catch(() => undefined),
    kill: () => process.kill(),
  };
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
