/**
 * Reads an address that a visitor typed, of what the page may then talk to. `example` is one, for the words of a refusal.
 *
 * The page's policy (`connect-src` in index.html) lets through the same and no more: what is encrypted, and this machine.
 *
 * @throws Error that says what to write instead.
 */
export function parseOutsideUrl(text: string, example: string): URL {
  const written = text.trim();
  if (!URL.canParse(written)) {
    throw new Error(
      `${written === "" ? "Write an address" : "This is no address: write it in full"}, such as ${example}.`,
    );
  }
  const url = new URL(written);
  const isLoopback = url.hostname === "localhost" || url.hostname === "127.0.0.1";
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback)) {
    throw new Error(
      "Only https: is reached, and http: at localhost or 127.0.0.1, so that nobody on the way reads along.",
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw new Error("Leave the user name and password out of the address.");
  }
  url.hash = "";
  return url;
}
