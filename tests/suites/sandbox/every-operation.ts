/** What a program asks for that uses each operation beside the tools themselves: its name, and its arguments. */
export function everyOperation(stored: unknown): readonly (readonly [operation: string, args: unknown])[] {
  return [
    ["search", { query: "words" }],
    ["search", { query: "words", limit: 3 }],
    ["describe", { names: ["srv.a"] }],
    ["describe", { names: ["srv.a"], maxTokens: 50 }],
    ["context_get", { key: "k" }],
    ["context_set", { key: "k", value: stored }],
    ["context_delete", { key: "k" }],
    ["context_keys", {}],
    ["context_open", { handle: "h" }],
  ];
}
