// What crosses here: frames of the remote sandbox. A socket may break at any time: each frame has a number, is kept until
// the other side has it, and is sent again over the next socket; so each arrives once, in its order.

import { OptimizerError } from "../base/errors.ts";
import { isJsonObject, parseJson } from "../base/json.ts";
import { violation } from "../protocol/remote-frames.ts";

/** Frames that arrive are acknowledged after so many of them, or so many characters. */
const ACK_FRAMES = 16;
const ACK_CHARACTERS = 1024 * 1024;

/** What one side holds for a socket that does not take it. Characters. */
const MAX_WAITING = 256 * 1024 * 1024;

/** One of the two ends. */
export class FrameLink<Sent> {
  readonly #onFrame: (frame: unknown) => void;
  #waiting: { readonly number: number; readonly text: string }[] = [];
  #waitingCharacters = 0;
  #sent = 0;
  #received = 0;
  #unacknowledged = { frames: 0, characters: 0 };
  #send: ((text: string) => void) | undefined;

  constructor(onFrame: (frame: unknown) => void) {
    this.#onFrame = onFrame;
  }

  /** Number of the last frame that arrived. */
  get received(): number {
    return this.#received;
  }

  /** Sends a frame, now or over the next socket. Throws 429 `link_full` when too much waits. */
  send(frame: Sent): void {
    this.#sent += 1;
    const text = JSON.stringify({ number: this.#sent, frame });
    this.#waitingCharacters += text.length;
    if (this.#waitingCharacters > MAX_WAITING) {
      throw new OptimizerError("The other side of the remote sandbox takes nothing any more.", {
        code: 429,
        kind: "link_full",
      });
    }
    this.#waiting.push({ number: this.#sent, text });
    this.#send?.(text);
  }

  /** Goes on over a socket. `received`: what the other side has of ours. Throws 403 for a number that can't be. */
  attach(send: (text: string) => void, received: number): void {
    this.#acknowledge(received);
    this.#send = send;
    for (const { text } of this.#waiting) send(text);
  }

  detach(): void {
    this.#send = undefined;
  }

  /** Takes a text of the socket. Throws 403 for one that is no frame of this link. */
  receive(text: string): void {
    const fields = parseJson(text);
    if (!isJsonObject(fields)) throw violation("text that is no frame");
    const { received, number, frame } = fields;
    if (received !== undefined) return this.#acknowledge(received);
    // One that came before its socket broke, and comes again.
    if (typeof number === "number" && number <= this.#received) return;
    if (number !== this.#received + 1) throw violation("a frame out of its turn");
    this.#received = number;
    this.#unacknowledged.frames += 1;
    this.#unacknowledged.characters += text.length;
    const { frames, characters } = this.#unacknowledged;
    if (frames >= ACK_FRAMES || characters >= ACK_CHARACTERS) {
      this.#unacknowledged = { frames: 0, characters: 0 };
      this.#send?.(JSON.stringify({ received: this.#received }));
    }
    this.#onFrame(frame);
  }

  #acknowledge(received: unknown): void {
    const [first] = this.#waiting;
    const known = first === undefined ? this.#sent : first.number - 1;
    if (typeof received !== "number" || received < known || received > this.#sent)
      throw violation("a number that no frame has");
    while (this.#waiting[0] !== undefined && this.#waiting[0].number <= received) {
      this.#waitingCharacters -= this.#waiting[0].text.length;
      this.#waiting.shift();
    }
  }
}
