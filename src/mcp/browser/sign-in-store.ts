// Tokens lie here between visits. Whoever reads the browser's files, or an export of its databases, finds
// ciphertext: the key is one that the browser keeps and hands to no script as bytes.

import { promisifyRequest } from "idb-keyval";
import { OptimizerError } from "../../base/errors.ts";
import { isJsonObject, type Json, parseJson } from "../../base/json.ts";
import { OBJECT_STORE, openDatabase, transactionEnd } from "../../context/browser/database.ts";

/** A value with the version that it had when it was read. */
export interface Slot {
  readonly name: string;
  readonly version: string;
  readonly value: Json;
}

interface SealedSlot {
  readonly version: string;
  readonly iv: Uint8Array<ArrayBuffer>;
  readonly data: ArrayBuffer;
}

const DATABASE = "mcp-optimizer-sign-in";
const KEY = "key";
const OPEN_TIMEOUT_MS = 5_000;

/**
 * Encrypted values by name, which all tabs of the origin share.
 *
 * Each call opens the database and closes it: sign-ins are rare. All of them reject with OptimizerError 500
 * `storage_failed` where the browser keeps nothing; tokens then go nowhere else.
 */
export class SignInStore {
  /** The value under a name. What can't be decrypted is not there. */
  async read(name: string): Promise<Slot | undefined> {
    return this.#open(await this.#request("readonly", (records) => records.get(name)), name);
  }

  /** All values whose names begin so. */
  async list(prefix: string): Promise<readonly Slot[]> {
    const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`);
    const names = await this.#request("readonly", (records) => records.getAllKeys(range));
    const slots = await Promise.all(
      names.filter((name) => typeof name === "string").map((name) => this.read(name)),
    );
    return slots.filter((slot) => slot !== undefined);
  }

  /**
   * Writes a value, or deletes it when it is `undefined`, if the version is still `expected`; `undefined` expects
   * none there, `"any"` whatever there is. False when it was another: nothing is changed then.
   */
  async replace(name: string, expected: string | undefined, value: Json | undefined): Promise<boolean> {
    const sealed = value === undefined ? undefined : await this.#seal(name, value);
    let replaced = false;
    await this.#change(async (records) => {
      const found = parseSealed(await promisifyRequest(records.get(name)));
      if (expected !== "any" && found?.version !== expected) return;
      replaced = true;
      if (sealed === undefined) records.delete(name);
      else records.put(sealed, name);
    });
    return replaced;
  }

  async #seal(name: string, value: Json): Promise<SealedSlot> {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const text = new TextEncoder().encode(JSON.stringify(value));
    const data = await crypto.subtle.encrypt(cipher(iv, name), await this.#key(), text);
    return { version: crypto.randomUUID(), iv, data };
  }

  async #open(record: unknown, name: string): Promise<Slot | undefined> {
    const sealed = parseSealed(record);
    if (sealed === undefined) return undefined;
    try {
      const text = await crypto.subtle.decrypt(cipher(sealed.iv, name), await this.#key(), sealed.data);
      const value = parseJson(new TextDecoder().decode(text));
      return value === undefined ? undefined : { name, version: sealed.version, value };
    } catch (error) {
      if (error instanceof OptimizerError) throw error;
      return undefined;
    }
  }

  /** The origin's key; the first tab that needs one makes it. */
  async #key(): Promise<CryptoKey> {
    const known = await this.#request("readonly", (records) => records.get(KEY));
    if (known instanceof CryptoKey) return known;
    const made = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, [
      "encrypt",
      "decrypt",
    ]);
    let key = made;
    await this.#change(async (records) => {
      const found: unknown = await promisifyRequest<unknown>(records.get(KEY));
      if (found instanceof CryptoKey) key = found;
      else records.put(made, KEY);
    });
    return key;
  }

  async #request<T>(mode: IDBTransactionMode, ask: (records: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    return this.#transact(mode, (records) => promisifyRequest(ask(records)));
  }

  async #change(change: (records: IDBObjectStore) => Promise<void>): Promise<void> {
    await this.#transact("readwrite", change);
  }

  async #transact<T>(mode: IDBTransactionMode, work: (records: IDBObjectStore) => Promise<T>): Promise<T> {
    let database: IDBDatabase | undefined;
    try {
      database = await openDatabase(globalThis.indexedDB, DATABASE, OPEN_TIMEOUT_MS);
      const transaction = database.transaction(OBJECT_STORE, mode);
      const [result] = await Promise.all([
        work(transaction.objectStore(OBJECT_STORE)),
        transactionEnd(transaction),
      ]);
      return result;
    } catch (cause) {
      throw new OptimizerError("The browser does not keep what signing in needs.", {
        code: 500,
        kind: "storage_failed",
        hint: "Private windows and blocked site data have no storage: allow it for this site, or use another window.",
        cause,
      });
    } finally {
      database?.close();
    }
  }
}

/** A value is bound to its name: one that was moved to another name can't be decrypted. */
function cipher(iv: Uint8Array<ArrayBuffer>, name: string): AesGcmParams {
  return { name: "AES-GCM", iv, additionalData: new TextEncoder().encode(name) };
}

function parseSealed(record: unknown): SealedSlot | undefined {
  if (!isJsonObject(record)) return undefined;
  const { version, iv, data }: Readonly<Record<string, unknown>> = record;
  if (typeof version !== "string" || !(iv instanceof Uint8Array) || !(data instanceof ArrayBuffer))
    return undefined;
  return { version, iv: new Uint8Array(iv), data };
}
