/** A tool that the host of a sandbox called for a program. */
export interface HostToolCall {
  /** The tool's ref on the host, or the path as the program wrote it when there is no such tool. */
  readonly name: string;
  /** Whole milliseconds from the request to the answer. */
  readonly ms: number;
  /** Size of the answer as JSON. Bytes. */
  readonly bytes: number;
  readonly cached: boolean;
  /** Absent when the call succeeded. */
  readonly error?: { readonly kind: string; readonly message: string; readonly mayHaveExecuted: boolean };
}
