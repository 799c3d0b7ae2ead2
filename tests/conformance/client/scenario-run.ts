import * as z from "zod/v4";

/** What the suite tells a client about one scenario. */
export type ScenarioRun = z.infer<typeof ScenarioRun>;

/** The suite's variables, as the command line of a client gets them. */
export const ScenarioRun = z.object({
  scenario: z.string(),
  serverUrl: z.url(),
  context: z.object({
    /** Calls to make. */
    toolCalls: z.array(z.object({ name: z.string(), arguments: z.record(z.string(), z.json()) })).default([]),
    /** Credentials that a person has registered with one authorization server before. */
    client_id: z.string().optional(),
    client_secret: z.string().optional(),
    issuer: z.string().optional(),
  }),
});

/** What the place where a scenario runs does for it. */
export interface ScenarioPlace {
  /**
   * Opens the address of an authorization server as a user would who agrees to everything, and says where the
   * server sent that user. Pages cannot read this from an answer to `fetch`.
   */
  followRedirect(url: string): Promise<string>;
}
