import { expect, test } from "vitest";
import { SandboxFrame } from "../../src/sandbox/browser/frame.ts";
import { createFrameParser } from "../../src/sandbox/browser/frame-parser.ts";
import { never, program, programParserSuite } from "../suites/program-parser-suite.ts";

programParserSuite("in the frame", () => {
  const frame = new SandboxFrame();
  return { ...createFrameParser(frame), [Symbol.asyncDispose]: () => frame[Symbol.asyncDispose]() };
});

test("parses on when its frame is gone", { timeout: 30_000 }, async () => {
  await using frame = new SandboxFrame();
  const parser = createFrameParser(frame);
  await parser.prepare();
  document.querySelector('iframe[title="MCP Optimizer sandbox"]')?.remove();
  expect(await parser.parse(program("back"), never)).toMatchObject({ filename: "program.js" });
});
