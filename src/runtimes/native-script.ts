// The script of a worker that runs one program, and the way back from the places that the browser's
// engine names in it.

import type { PreparedProgram } from "../protocol/prepared-program.ts";
import guest from "./native-guest.ts?script";

/**
 * Our own part of every script: it empties the scope, and ends where the program's function begins. On
 * one line as far as it goes, so that a stack that a program prints counts nearly as the program does.
 */
const HEAD = `${guest.trimEnd()}startProgram(()=>`;

/** Lines of the script before the first of the prepared program. */
const LINES_BEFORE = HEAD.split("\n").length - 1;

/**
 * Makes the script of a program's worker. The program was parsed as the whole body of a function, so
 * no text of it can end that function; it begins when it is called, and not before.
 */
export function nativeScript({ source, filename }: PreparedProgram): string {
  return `${HEAD}${source});\n//# sourceURL=${filename}\n`;
}

/** One line of a stack: `at name (file:1:2)` in Chromium, `name@file:1:2` in Firefox and WebKit. */
const FRAME =
  /^\s*(?:at (?:async )?(?:(?<v8>.*?) \()?|(?<other>.*?)@)(?<file>[^\s()]+):(?<line>\d+):(?<column>\d+)\)?$/;

/** A stack of the script, its frames written as the prepared program counts them. Frames of our part are left out. */
export function toProgramStack(stack: string, { filename, source }: PreparedProgram): string {
  const frames: string[] = [];
  // The function around the program is called on the line that ends it.
  const lastRow = source.split("\n").length - 1;
  for (const text of stack.split("\n")) {
    const { v8, other, file, line, column } = FRAME.exec(text)?.groups ?? {};
    const row = Number(line) - LINES_BEFORE;
    // Firefox names the script by its address, which no other script of the worker has.
    if ((file !== filename && !file?.startsWith("blob:")) || row < 1 || row > lastRow) continue;
    frames.push(`    at ${v8 ?? other ?? ""} (${filename}:${row}:${column})`);
  }
  return frames.join("\n");
}
