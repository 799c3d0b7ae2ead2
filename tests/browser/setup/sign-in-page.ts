import {
  createOptimizer,
  findOptimizerError,
  type Optimizer,
  type RunResult,
  SandboxFrame,
} from "../../../src/index.ts";
import { type Account, type OAuthOptions, oauth, type SignInOptions } from "../../../src/sign-in.ts";

/** How a sign-in ended: `signed_in`, or the kind of the error. */
export type SignInEnd = string;

/** The page as the test that opened it sees it. */
export interface SignInPage {
  readonly account: Account;
  readonly optimizer: Optimizer;
  /** How the sign-in ended that a button began last. */
  end: Promise<SignInEnd>;
  readonly run: (code: string) => Promise<RunResult>;
  readonly signOut: () => Promise<{ readonly revoked: boolean }>;
}

const query = new URLSearchParams(location.search);
const url = query.get("server") ?? "";
const options: Partial<OAuthOptions> = JSON.parse(query.get("options") ?? "{}");
const account = oauth({ redirectUrl: "/signed-in", ...options });
const optimizer = await createOptimizer({
  servers: { notes: { url, auth: account } },
  frame: new SandboxFrame({ url: "/sandbox.html" }),
  flags: { enableCaching: false },
});

const page: SignInPage = {
  account,
  optimizer,
  end: Promise.resolve("none"),
  run: (code) => optimizer.run({ language: "javascript", code }),
  signOut: () => account.signOut(),
};

function button(id: string, options: SignInOptions): HTMLButtonElement {
  const made = document.createElement("button");
  made.id = id;
  made.textContent = `Sign in by ${id}`;
  made.addEventListener("click", () => {
    page.end = account.signIn(options).then(
      () => "signed_in",
      (error: unknown) => findOptimizerError(error)?.kind ?? String(error),
    );
  });
  return made;
}

document.body.append(button("popup", {}), button("redirect", { mode: "redirect" }));
Object.assign(globalThis, { signIn: page });
