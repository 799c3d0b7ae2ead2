/** What the keeper uses of Deno. */
declare const Deno: {
  readonly stdin: {
    /** The number of bytes read; `null` at the end. */
    readSync(into: Uint8Array): number | null;
    readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  };
  readonly stdout: { writeSync(bytes: Uint8Array): number };
  readonly permissions: { querySync(descriptor: { readonly name: string }): { readonly state: string } };
  /** Bytes. */
  memoryUsage(): { readonly rss: number };
  exit(code: number): never;
};

/** What the keeper uses of Node, as Deno has it. */
declare const process: {
  /** Microseconds. */
  cpuUsage(): { readonly user: number; readonly system: number };
};
