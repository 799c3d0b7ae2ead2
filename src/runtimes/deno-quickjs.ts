import { prepareProgram } from "./javascript-program.ts";
import { bootQuickJs } from "./quickjs-boot.ts";
import type { Runtime } from "./run-server.ts";
import { serve } from "./serve.ts";
import { stripTypes } from "./strip-types.ts";

serve(async (message) => withParser(await bootQuickJs(message)));

/** The same runtime, that parses programs itself: in a process of its own a program holds nobody up by its size. */
function withParser(runtime: Runtime): Runtime {
  return {
    start(command, link) {
      const { program } = command;
      const language = program.language === "typescript" ? "typescript" : "javascript";
      const prepared = prepareProgram(language, program.code, stripTypes);
      if ("source" in prepared) return runtime.start({ ...command, program: { ...program, prepared } }, link);
      link.done({ status: "threw", error: prepared }, [], 0);
      return { reply() {} };
    },
  };
}
