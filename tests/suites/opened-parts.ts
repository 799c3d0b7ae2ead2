/** What a test opened; it is closed in the opposite order. WebKit has no `AsyncDisposableStack`. */
export class OpenedParts {
  readonly #parts: AsyncDisposable[] = [];

  use<Part extends AsyncDisposable>(part: Part): Part {
    this.#parts.unshift(part);
    return part;
  }

  async close(): Promise<void> {
    for (const part of this.#parts.splice(0)) await part[Symbol.asyncDispose]();
  }
}
