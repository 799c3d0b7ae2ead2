import { accessSync, constants } from "node:fs";
import path from "node:path";

/** The file that a command starts, looked up as a shell does; `undefined` when there is none. */
export function findExecutable(
  command: string,
  search: string = process.env["PATH"] ?? "",
): string | undefined {
  const folders = command.includes(path.sep) ? [""] : search.split(path.delimiter);
  return folders
    .map((folder) => path.resolve(folder, command))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
