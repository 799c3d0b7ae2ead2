import { OptimizerError } from "../base/errors.ts";

/**
 * Secrets stay out of the file: `${NAME}` is a variable of the environment. Throws 400 for one that is not there, named
 * with `place`, which asks for it.
 */
export function expandText(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
  place: string,
): string {
  return text.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => {
    const variable = env[name];
    if (variable !== undefined) return variable;
    throw new OptimizerError(`The environment has no ${name}, which ${place} asks for.`, {
      code: 400,
      kind: "invalid_config",
    });
  });
}
