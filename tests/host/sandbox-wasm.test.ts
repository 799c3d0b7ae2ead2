import { vi } from "vitest";
import { wasm } from "../../src/host/sandbox/wasm.ts";
import { EVERY_CASE } from "../suites/every-case.ts";
import { sandboxSuite } from "../suites/sandbox-suite.ts";

// Each sandbox is probed before its first program, which starts several processes.
vi.setConfig({ hookTimeout: 180_000, testTimeout: 180_000 });

sandboxSuite("wasm()", {
  createSandbox: ({ maxWorkers }) => wasm(maxWorkers === undefined ? {} : { maxProcesses: maxWorkers }),
  languages: ["javascript", "typescript", "python"],
  freezes: true,
  languageCases: EVERY_CASE,
});
