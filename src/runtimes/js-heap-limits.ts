// Python's own memory has a maximum in its WebAssembly module. Some of what a program may keep lies
// outside of it, on the worker's JavaScript heap: virtual files and pipes. These count here. A program can
// reach further holes through Pyodide's own modules; THREAT_MODEL.md names them.

import type { PyodideAPI } from "pyodide";

interface FileNode {
  contents?: { readonly length: number };
  usedBytes: number;
}

interface Stream {
  readonly node: FileNode;
}

type Write = (
  this: unknown,
  stream: Stream,
  buffer: Uint8Array,
  offset: number,
  length: number,
  ...rest: readonly unknown[]
) => number;

/** The parts of Emscripten's file systems that hold bytes, as version 5.0 has them. */
interface FileSystems {
  readonly filesystems: {
    readonly MEMFS: {
      expandFileStorage: (node: FileNode, capacity: number) => void;
      resizeFileStorage: (node: FileNode, size: number) => void;
      readonly ops_table: { readonly file: { readonly stream: { write: Write } } };
    };
  };
  readonly ErrnoError: new (errno: number) => Error;
  getStream(fd: number): { readonly stream_ops: { write: Write; read: Write } };
}

const ENOSPC = 51;

/**
 * Counts what virtual files and pipes hold. Once the returned function has set their maximum in bytes, a
 * write past it fails with "No space left on device".
 */
export function limitJsHeap(pyodide: PyodideAPI): (maxBytes: number) => void {
  const files = pyodide.FS as unknown as FileSystems;
  const { MEMFS } = files.filesystems;
  let used = 0;
  let most = Number.POSITIVE_INFINITY;
  const require = (more: number): void => {
    if (used + more > most) throw new files.ErrnoError(ENOSPC);
  };
  const sizeOf = (node: FileNode): number => node.contents?.length ?? 0;

  const { expandFileStorage, resizeFileStorage } = MEMFS;
  MEMFS.expandFileStorage = (node, capacity) => {
    const before = sizeOf(node);
    if (capacity > before) require(capacity - before);
    expandFileStorage.call(MEMFS, node, capacity);
    used += sizeOf(node) - before;
  };
  MEMFS.resizeFileStorage = (node, size) => {
    const before = sizeOf(node);
    require(size - before);
    resizeFileStorage.call(MEMFS, node, size);
    used += sizeOf(node) - before;
  };
  const { stream } = MEMFS.ops_table.file;
  const writeFile = stream.write;
  stream.write = function (of, buffer, offset, length, ...rest) {
    const before = sizeOf(of.node);
    // The first write takes the bytes as they are, without a look at the storage.
    if (of.node.usedBytes === 0) require(length - before);
    const expanded = used;
    const written = writeFile.call(this, of, buffer, offset, length, ...rest);
    if (used === expanded) used += sizeOf(of.node) - before;
    return written;
  };

  const pipe = openPipe(pyodide, files);
  const { read: readPipe, write: writePipe } = pipe;
  pipe.write = function (of, buffer, offset, length, ...rest) {
    require(length);
    const written = writePipe.call(this, of, buffer, offset, length, ...rest);
    used += written;
    return written;
  };
  pipe.read = function (of, buffer, offset, length, ...rest) {
    const read = readPipe.call(this, of, buffer, offset, length, ...rest);
    used -= read;
    return read;
  };
  return (maxBytes) => {
    most = maxBytes;
  };
}

/** The operations of pipes, which only a pipe leads to. */
function openPipe(pyodide: PyodideAPI, files: FileSystems): { write: Write; read: Write } {
  const scope = pyodide.toPy({});
  pyodide.runPython("import os; ends = os.pipe()", { globals: scope });
  const [fd = -1] = scope.get("ends");
  const { stream_ops } = files.getStream(fd);
  pyodide.runPython("for end in ends: os.close(end)", { globals: scope });
  scope.destroy();
  return stream_ops;
}
