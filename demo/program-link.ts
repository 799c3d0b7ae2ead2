// What crosses here: the fragment of an address, which anybody may have written. It becomes text in the editor and
// nothing else: a program of a link runs when the visitor says so.

import { decodeBase64, encodeBase64 } from "../src/base/base64.ts";
import { gunzip, gzip } from "../src/base/gzip.ts";
import type { DemoLanguage } from "./ready-program.ts";

/** What a link carries. */
export interface LinkedProgram {
  readonly language: DemoLanguage;
  readonly code: string;
}

/** Longest fragment that is written or read, in characters: chats and mail programs cut longer addresses. */
const MAX_LINK_CHARACTERS = 16_000;
/** Longest program that is unpacked. Bytes. */
const MAX_CODE_BYTES = 100_000;

/**
 * The address of `page` with the program in its fragment, which browsers send to no server.
 *
 * @throws Error when the program is too long for a link.
 */
export async function makeProgramLink(page: string, { language, code }: LinkedProgram): Promise<string> {
  const bytes = new TextEncoder().encode(code);
  const packed = bytes.length > MAX_CODE_BYTES ? undefined : await gzip(bytes, MAX_LINK_CHARACTERS);
  const text = packed === undefined ? undefined : encodeBase64(packed);
  if (text === undefined || text.length > MAX_LINK_CHARACTERS) {
    throw new Error("This program is too long for a link: copy its text instead.");
  }
  const link = new URL(page);
  // What the query names is the sender's own, and so is what the fragment held.
  link.search = "";
  link.hash = `program=${language}.${text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
  return link.href;
}

/**
 * The program in a fragment, or undefined when it names none.
 *
 * @throws Error that says what is wrong with the link.
 */
export async function readProgramLink(hash: string): Promise<LinkedProgram | undefined> {
  const [, value] = /^#program=(.*)$/s.exec(hash) ?? [];
  if (value === undefined) return undefined;
  if (value.length > MAX_LINK_CHARACTERS) throw new Error("The program in this link is too long.");
  const [, language, text] = /^(typescript|python)\.([\w-]+)$/.exec(value) ?? [];
  if (language === undefined || text === undefined) throw broken();
  const code = await unpack(text).catch((cause: unknown) => {
    throw broken(cause);
  });
  if (code === undefined) throw new Error("The program in this link is too long.");
  return { language: language === "python" ? "python" : "typescript", code };
}

async function unpack(text: string): Promise<string | undefined> {
  const bytes = await gunzip(decodeBase64(text.replaceAll("-", "+").replaceAll("_", "/")), MAX_CODE_BYTES);
  return bytes === undefined ? undefined : new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

function broken(cause?: unknown): Error {
  return new Error("The program in this link can't be read: perhaps its end is missing. Ask for it again.", {
    cause,
  });
}
