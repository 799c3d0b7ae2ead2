import { findOptimizerError } from "../../../src/index.ts";
import { completeSignIn } from "../../../src/sign-in.ts";

try {
  document.body.append(`completed: ${await completeSignIn()}`);
} catch (error) {
  document.body.append(`refused: ${findOptimizerError(error)?.kind}`);
}
