// Every class of the public corpus that concerns a browser is tried by an attack of ours.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import type { EscapeCase } from "../attacks/escapes/escape-case.ts";
import { JAVASCRIPT_ESCAPES } from "../attacks/escapes/javascript-cases.ts";
import { JAVASCRIPT_LIMIT_ESCAPES } from "../attacks/escapes/javascript-limit-cases.ts";
import { PROTOCOL_ESCAPES } from "../attacks/escapes/protocol-cases.ts";
import { PYTHON_ESCAPES } from "../attacks/escapes/python-cases.ts";
import { PYTHON_LIMIT_ESCAPES } from "../attacks/escapes/python-limit-cases.ts";
import { HTTP_CASES } from "../host/attacks/http-cases.ts";
import { JAVASCRIPT_HOST_CASES } from "../host/attacks/javascript-host-cases.ts";
import { PYTHON_HOST_CASES } from "../host/attacks/python-host-cases.ts";

/** Ids of the public corpus whose targets are a browser's engine, the broker of calls, or its servers. */
const BROWSER = (
  "PUB-NET-01 PUB-NET-03 PUB-NET-04 PUB-NET-06 PUB-NET-07 PUB-NET-08 PUB-STO-01 PUB-STO-03 PUB-STO-04 PUB-ESC-01 " +
  "PUB-ESC-02 PUB-ESC-03 PUB-ESC-04 PUB-ESC-05 PUB-ESC-06 PUB-ESC-07 PUB-ESC-08 PUB-POI-01 PUB-POI-02 PUB-POI-03 " +
  "PUB-POI-04 PUB-POI-05 PUB-POI-06 PUB-RPC-01 PUB-RPC-02 PUB-RPC-03 PUB-RPC-04 PUB-RPC-05 PUB-RPC-06 PUB-RPC-07 " +
  "PUB-RPC-08 PUB-RPC-09 PUB-RPC-10 PUB-CPU-01 PUB-CPU-03 PUB-CPU-04 PUB-CPU-05 PUB-MEM-01 PUB-MEM-02 PUB-MEM-03 " +
  "PUB-MEM-04 PUB-OUT-01 PUB-TMR-01 PUB-CALL-01 PUB-ZOM-01 PUB-SEC-01 PUB-SEC-02 PUB-INJ-01 PUB-MAN-01 PUB-MAN-02 " +
  "PUB-SUP-01 PUB-EXIT-01 PUB-POL-01"
).split(" ");

/** Those whose target is the host's door. */
const HTTP = "PUB-HTTP-01 PUB-HTTP-02 PUB-HTTP-03 PUB-HTTP-04 PUB-HTTP-05 PUB-HTTP-06".split(" ");

/** Those whose target is the operating system of a host. */
const SYSTEM = "PUB-NET-09 PUB-OS-01 PUB-OS-02 PUB-OS-03".split(" ");

/** Not tried, and why. */
const SKIPS: Readonly<Record<string, string>> = {
  "PUB-MAN-01": "there is no approval of a server's tools yet that a later change could undermine",
  "PUB-POL-01": "there is no policy yet for where data may flow: THREAT_MODEL.md, What is not promised",
};

const CASES = [
  ...JAVASCRIPT_ESCAPES,
  ...JAVASCRIPT_LIMIT_ESCAPES,
  ...PYTHON_ESCAPES,
  ...PYTHON_LIMIT_ESCAPES,
  ...PROTOCOL_ESCAPES,
];

/** What attacks cover that are tests of their own, by the lines that they leave for the table. */
const root = path.resolve(import.meta.dirname, "../attacks");
const alone = readdirSync(root)
  .filter((file) => file.endsWith(".test.ts"))
  .flatMap((file) => [...readFileSync(path.join(root, file), "utf8").matchAll(/covers: \["([^\]]+)"\]/g)])
  .flatMap(([, ids = ""]) => ids.split('", "'));

const idsOf = (cases: readonly EscapeCase[]): ReadonlySet<string> =>
  new Set([...alone, ...cases.flatMap(({ covers }) => covers)]);
const covered = idsOf(CASES);

test("every class that concerns a browser is covered, or is skipped with its reason", () => {
  expect(BROWSER.filter((id) => !covered.has(id))).toEqual(BROWSER.filter((id) => id in SKIPS));
});

test("every class that concerns the host's door is covered", () => {
  const tried = new Set(HTTP_CASES.flatMap(({ covers }) => covers));
  expect([...tried].sort()).toEqual(HTTP);
});

test("every class that concerns a host's operating system is covered", () => {
  const tried = new Set([...JAVASCRIPT_HOST_CASES, ...PYTHON_HOST_CASES].flatMap(({ covers }) => covers));
  expect(SYSTEM.filter((id) => !tried.has(id))).toEqual([]);
});

test("what is covered is a class of the corpus", () => {
  expect([...covered].filter((id) => !BROWSER.includes(id) && !SYSTEM.includes(id))).toEqual([]);
});

test("every case has a name of its own", () => {
  expect(new Set(CASES.map(({ id }) => id)).size).toBe(CASES.length);
});

test("a class that no attack covers is seen", () => {
  const without = idsOf(CASES.filter(({ covers }) => !covers.includes("PUB-ESC-07")));
  expect(BROWSER.filter((id) => covered.has(id) && !without.has(id))).toEqual(["PUB-ESC-07"]);
});
