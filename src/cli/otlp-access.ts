// What leads to a collector. It may hold credentials: no failure here shows a value.

import { OptimizerError } from "../base/errors.ts";

/** Throws 400, which names `place`, for what is no base address of a collector. */
export function requireCollector(text: string, place: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw refusal(
      `${place} is no address of a collector.`,
      "Write a base address such as http://127.0.0.1:4318.",
    );
  // The address is shown where the host starts.
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "")
    throw refusal(
      `${place} holds more than a base address.`,
      "Put credentials into headers: authorization, or what your collector asks for.",
    );
  return text;
}

/** Headers as HTTP carries them, without what surrounds a value. Throws 400, which names `place` and the header. */
export function requireHeaders(
  headers: Readonly<Record<string, string>>,
  place: string,
): Readonly<Record<string, string>> {
  const pairs = Object.entries(headers).map(([name, value]) => {
    try {
      return [name, new Headers([[name, value]]).get(name) ?? ""] as const;
    } catch {
      throw refusal(
        `${place}: the header ${name} can't be sent.`,
        "A name has no spaces and a value is one line.",
      );
    }
  });
  return Object.fromEntries(pairs);
}

/** Headers of a variable of the environment, as OpenTelemetry has them: `name=value`, encoded as in addresses, by commas. */
export function readHeaderList(text: string, place: string): Readonly<Record<string, string>> {
  const pairs = text.split(",").map((pair) => pair.trim());
  const headers = pairs.filter((pair) => pair !== "").map((pair) => readPair(pair, place));
  return requireHeaders(Object.fromEntries(headers), place);
}

function readPair(pair: string, place: string): readonly [name: string, value: string] {
  const [, name, value] = /^([^=]+)=(.*)$/.exec(pair) ?? [];
  try {
    if (name !== undefined && value !== undefined)
      return [decodeURIComponent(name.trim()), decodeURIComponent(value.trim())];
  } catch {
    // Half an escape: said below.
  }
  throw refusal(
    `${place} is no list of headers.`,
    "Write name=value, parted by commas; % and commas of a value as %25 and %2C.",
  );
}

function refusal(message: string, hint: string): OptimizerError {
  return new OptimizerError(message, { code: 400, kind: "invalid_config", hint });
}
