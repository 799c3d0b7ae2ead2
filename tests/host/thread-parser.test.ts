import { expect, test } from "vitest";
import { basic } from "../../src/host/sandbox/basic.ts";
import { createThreadParser } from "../../src/host/sandbox/thread-parser.ts";
import { resolveLimits } from "../../src/sandbox/limits.ts";
import { never, program, programParserSuite } from "../suites/program-parser-suite.ts";
import { recordingPort } from "../suites/recording-port.ts";

programParserSuite("in a thread", () => {
  const parser = createThreadParser();
  return { ...parser, [Symbol.asyncDispose]: async () => parser.end() };
});

test("a program that no parser has memory for ends its own process, and the host goes on", async () => {
  await using sandbox = basic({ iKnowThatThisIsNoSandbox: true });
  await using session = sandbox.open("parser", resolveLimits({ timeoutMs: 50_000 }));
  const greedy = await session.run(program("f(1);".repeat(4_000_000)), recordingPort(), never);
  expect(greedy).toMatchObject({ status: "stopped", reason: "memory" });
  expect(await session.run(program("1 + 1"), recordingPort(), never)).toMatchObject({ json: "2" });
});
