import type { Json } from "../../../src/base/json.ts";

/** A program that must work: a dead sandbox holds every attack. Calls of tools get their arguments back. */
export interface BenignHostProgram {
  readonly does: string;
  readonly language: "javascript" | "typescript" | "python";
  readonly code: string;
  readonly value: Json;
  readonly logs?: readonly string[];
}

export const BENIGN_HOST_PROGRAMS: readonly BenignHostProgram[] = [
  { language: "javascript", does: "computes", code: "[6 * 7, 'ü'.length]", value: [42, 1] },
  {
    language: "javascript",
    does: "prints",
    code: "console.log('one', 2); 'said'",
    value: "said",
    logs: ["one 2"],
  },
  { language: "javascript", does: "calls a tool", code: "(await tools.srv.echo({ n: 7 })).n * 6", value: 42 },
  {
    language: "javascript",
    does: "moves a megabyte",
    code: "(await tools.srv.echo({ t: 'x'.repeat(1e6) })).t.length",
    value: 1_000_000,
  },
  {
    language: "javascript",
    does: "writes a file, and starts a process that reads it",
    code: "const fs = await import('node:fs'); const { execFileSync } = await import('node:child_process'); fs.writeFileSync('own', 'mine'); execFileSync('/bin/sh', ['-c', 'read text < own; printf %s $text'], { encoding: 'utf8' })",
    value: "mine",
  },
  { language: "typescript", does: "computes", code: "const n: number = 42; n", value: 42 },
  { language: "python", does: "computes", code: "[6 * 7, len('ü')]", value: [42, 1] },
  { language: "python", does: "prints", code: "print('one', 2)\n'said'", value: "said", logs: ["one 2"] },
  { language: "python", does: "calls a tool", code: "(await tools.srv.echo(n=7))['n'] * 6", value: 42 },
  {
    language: "python",
    does: "moves a megabyte",
    code: "len((await tools.srv.echo(t='x' * 1_000_000))['t'])",
    value: 1_000_000,
  },
  {
    language: "python",
    does: "writes a file, and starts a process that reads it",
    code: "import subprocess\nwith open('own', 'w') as file: file.write('mine')\nsubprocess.check_output(['/bin/sh', '-c', 'read text < own; printf %s $text'], text=True)",
    value: "mine",
  },
  {
    language: "python",
    does: "shares memory between processes",
    code: "import multiprocessing\nwith multiprocessing.get_context('fork').Pool(2) as pool: squares = pool.map(abs, [-1, 2])\nsquares",
    value: [1, 2],
  },
];
