/**
 * What validation libraries have in common, as far as we use it: the interface of
 * https://standardschema.dev, version 1, which its authors ask to be copied.
 */
export interface StandardSchema {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult | Promise<StandardResult>;
    /** For the compiler alone. */
    readonly types?: { readonly input: unknown; readonly output: unknown } | undefined;
    /** https://standardschema.dev/json-schema, where the library has it. */
    readonly jsonSchema?: {
      readonly input: (options: { readonly target: "draft-2020-12" }) => Record<string, unknown>;
      readonly output: (options: { readonly target: "draft-2020-12" }) => Record<string, unknown>;
    };
  };
}

/** What a Standard Schema's validation gives. */
export type StandardResult =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** What a Standard Schema has against a value, and where. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** True for what carries that interface: an object, or a function as some libraries have it. */
export function isStandardSchema(schema: object): schema is StandardSchema {
  return "~standard" in schema;
}

/** The schema as JSON Schema of what it takes or gives; `undefined` where its library can't write it. */
export function standardJsonSchema(schema: StandardSchema, side: "input" | "output"): unknown {
  const json = schema["~standard"].jsonSchema?.[side]({ target: "draft-2020-12" });
  // A library's own object: as JSON it is ours.
  return json === undefined ? undefined : JSON.parse(JSON.stringify(json));
}

/** A fault, with the name of what has it. */
export function describeIssue({ message, path = [] }: StandardIssue): string {
  const names = path.map((part) => String(typeof part === "object" ? part.key : part));
  return names.length === 0 ? message : `${names.join(".")}: ${message}`;
}
