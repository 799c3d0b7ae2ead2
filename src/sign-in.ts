import "./base/dispose-symbols.ts";

export { completeSignIn } from "./mcp/browser/complete-sign-in.ts";
export {
  type Account,
  type AccountStatus,
  oauth,
  type SignInOptions,
} from "./mcp/browser/oauth.ts";
export type { OAuthOptions } from "./mcp/browser/oauth-options.ts";
