import { OptimizerError } from "../../base/errors.ts";
import { sdkBrand } from "../error-facts.ts";

/** A sign-in that is refused, because something about it can't be trusted. */
export function refuseSignIn(kind: string, message: string, hint: string): OptimizerError {
  return new OptimizerError(message, { code: 403, kind, hint });
}

/**
 * Turns what an exchange with an authorization server threw into the engine's error.
 *
 * Nothing of the thrown is passed on, not as a cause either: its messages repeat bodies of the authorization
 * server, and those may hold tokens.
 */
export function toSignInError(error: unknown, mcpUrl: URL): OptimizerError {
  if (error instanceof OptimizerError) return error;
  const issuer = `of ${mcpUrl.href}`;
  const name = error instanceof Error ? error.name : "";
  if (sdkBrand(error) === "mcp.IssuerMismatchError") {
    return refuseSignIn(
      "issuer_mismatch",
      `The answer does not come from the authorization server ${issuer}.`,
      "Somebody may have mixed up two sign-ins: begin again, and report it to the server's operator.",
    );
  }
  if (name === "TypeError" || name === "TimeoutError" || name === "AbortError") {
    return new OptimizerError(`The authorization server ${issuer} can't be reached.`, {
      code: 500,
      kind: "authorization_server_unreachable",
      hint: "Try again later. Its endpoints for metadata, registration and tokens have to allow this page (CORS).",
      retryable: true,
    });
  }
  const code = oauthCode(error);
  if (code === "server_error" || code === "temporarily_unavailable") {
    return new OptimizerError(`The authorization server ${issuer} failed: ${code}.`, {
      code: 500,
      kind: "authorization_server_failed",
      hint: "Try again later. If it goes on, report it to the server's operator.",
      retryable: true,
    });
  }
  if (code !== undefined) {
    return refuseSignIn(
      "sign_in_refused",
      `The authorization server ${issuer} refused: ${code}.`,
      "Begin to sign in again. If it is refused again, check the client's registration there.",
    );
  }
  if (sdkBrand(error) === "mcp.RegistrationRejectedError" || noRegistration(error)) {
    return refuseSignIn(
      "registration_refused",
      `The authorization server ${issuer} registers no clients by itself.`,
      "Register the page there and give `clientId` and `issuer`, or serve a `clientMetadataUrl` if it takes one.",
    );
  }
  return refuseSignIn(
    "authorization_server_invalid",
    `The authorization server ${issuer} does not keep to OAuth 2.1.`,
    "It has to offer the code flow with PKCE (S256), a token endpoint over https:, and bearer tokens.",
  );
}

/** The code of an OAuth error, when it is a word as the protocol has them. */
export function oauthCode(error: unknown): string | undefined {
  if (sdkBrand(error) !== "mcp.OAuthError" || !(error instanceof Error) || !("code" in error))
    return undefined;
  const { code } = error;
  return typeof code === "string" ? wordOf(code) : "server_error";
}

/** Text of the other side, as far as it is a word. */
export function wordOf(text: string): string {
  return /^[a-z_]{1,64}$/.test(text) ? text : "server_error";
}

function noRegistration(error: unknown): boolean {
  return error instanceof Error && error.message.endsWith("does not support dynamic client registration");
}
