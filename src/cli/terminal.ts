import type { WriteStream } from "node:tty";
import { styleText } from "node:util";

/** Where the command line writes: results to `out`, everything about them to `err`. */
export interface Terminal {
  readonly out: NodeJS.WriteStream;
  readonly err: NodeJS.WriteStream;
}

type Style = Parameters<typeof styleText>[0];

/** Coloured on a terminal that wants colours (NO_COLOR, FORCE_COLOR), plain elsewhere. */
export function colour(stream: NodeJS.WriteStream, style: Style, text: string): string {
  return styleText(style, text, { stream, validateStream: true });
}

/** One line about what goes on now, written over itself. Nothing where nobody watches. */
export interface Progress extends Disposable {
  show(text: string): void;
  /** Takes the line away, so that something else can be written. */
  clear(): void;
}

export function createProgress(stream: NodeJS.WriteStream): Progress {
  const tty: WriteStream | undefined = stream.isTTY ? stream : undefined;
  let shown = false;
  const clear = (): void => {
    if (shown) tty?.write("\r\x1b[K");
    shown = false;
  };
  return {
    show(text) {
      if (tty === undefined) return;
      clear();
      tty.write(colour(tty, "dim", text.slice(0, Math.max(10, tty.columns - 1))));
      shown = true;
    },
    clear,
    [Symbol.dispose]: clear,
  };
}

/** Rows in columns, the widest cell of each deciding. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
