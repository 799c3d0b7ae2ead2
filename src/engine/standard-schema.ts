/**
 * What validation libraries have in common, as far as we use it: the interface of
 * https://standardschema.dev, version 1, which its authors ask to be copied.
 */
export interface StandardSchema {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult | Promise<StandardResult>;
    /** https://standardschema.dev/json-schema, where the library has it. */
    readonly jsonSchema?: {
      readonly input: (options: { readonly target: "draft-2020-12" }) => Record<string, unknown>;
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
