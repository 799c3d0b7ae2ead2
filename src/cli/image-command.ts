import { buildSandboxImage } from "../host/sandbox/build-image.ts";
import { usage } from "./catalog-commands.ts";
import type { Command } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { createProgress } from "./terminal.ts";

export const image: Command = {
  name: "image",
  takes: "build",
  summary:
    "Builds the image of the sandboxes docker and gvisor, with the Docker daemon that DOCKER_HOST names.",
  flags: {
    base: { kind: "text", help: "image with Python 3.11 or newer that it is built upon" },
    local: { kind: "switch", help: "make it of this machine's own Python and Node: no registry is asked" },
  },
  async run({ values, positionals, terminal }) {
    if (positionals.length !== 1 || positionals[0] !== "build")
      throw usage("Say: mcp-optimizer image build.");
    const base = values.get("base");
    using progress = createProgress(terminal.err);
    progress.show("building the image");
    const { reference, id } = await buildSandboxImage({
      ...(typeof base === "string" ? { base } : {}),
      fromLocalFiles: values.get("local") === true,
    });
    progress.clear();
    terminal.out.write(`${reference} ${id}\n`);
    return EXIT.done;
  },
};
