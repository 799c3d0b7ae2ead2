import { connect } from "node:net";

const LETTER_EVERY_MS = 250;

/** Sends a beginning, then a letter now and then. Resolves with whether the server closed the connection within so many milliseconds. */
export async function dribble(url: string, beginning: string, withinMs: number): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const closed = Promise.withResolvers<boolean>();
  socket.on("error", () => undefined);
  socket.on("close", () => closed.resolve(true));
  socket.on("data", () => undefined);
  socket.on("end", () => socket.end());
  socket.write(beginning);
  const letters = setInterval(() => socket.write("a"), LETTER_EVERY_MS);
  const late = setTimeout(() => closed.resolve(false), withinMs);
  const isClosed = await closed.promise;
  clearInterval(letters);
  clearTimeout(late);
  socket.destroy();
  return isClosed;
}
