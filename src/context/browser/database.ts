import { messageOf } from "../../base/errors.ts";
import type { ContextHealth } from "../context-backend.ts";

/** The one object store of the database. */
export const OBJECT_STORE = "records";

/** Of the database's layout. A page that finds a higher one leaves it alone. */
const VERSION = 1;

/** The ways in which a browser has no database for us, and what a person may do. */
const TROUBLES = {
  unavailable:
    "The browser keeps no data for this page: a private window, blocked site data, or a frame without an origin.",
  blocked: "Another tab is changing the database. Close the other tabs of this site and load the page anew.",
  newer_version:
    "A newer version of this package has changed the database. Load the page anew, so that it runs the newest.",
  foreign_database:
    "A database of this name belongs to somebody else. Give indexedDb({ name }) a name of its own.",
  broken: "The browser can't open the database. Load the page anew, or clear the site's data.",
} as const;

/** Why there is no database here. */
export class DatabaseTrouble extends Error {
  /** What a page says that goes on in memory. */
  readonly health: ContextHealth;

  constructor(reason: keyof typeof TROUBLES, cause?: unknown) {
    super(cause === undefined ? reason : `${reason}: ${messageOf(cause)}`, { cause });
    this.health = { state: "volatile", reason, hint: TROUBLES[reason] };
  }
}

/**
 * Opens the database, and makes it where there is none. Rejects with a {@link DatabaseTrouble}, at the latest after
 * `timeoutMs`.
 *
 * `createStore` of idb-keyval would open it too, but names no version, waits for ever behind another tab's upgrade,
 * and holds its own connection open against one.
 */
export async function openDatabase(
  factory: IDBFactory | undefined,
  name: string,
  timeoutMs: number,
): Promise<IDBDatabase> {
  if (factory === undefined) throw new DatabaseTrouble("unavailable");
  const database = await requestDatabase(factory, name, timeoutMs);
  if (database.objectStoreNames.contains(OBJECT_STORE)) return database;
  database.close();
  throw new DatabaseTrouble("foreign_database");
}

function requestDatabase(factory: IDBFactory, name: string, timeoutMs: number): Promise<IDBDatabase> {
  const { promise, resolve, reject } = Promise.withResolvers<IDBDatabase>();
  try {
    const request = factory.open(name, VERSION);
    let waiting = true;
    const timer = setTimeout(() => {
      waiting = false;
      reject(new DatabaseTrouble("blocked"));
    }, timeoutMs);
    request.onupgradeneeded = () => void request.result.createObjectStore(OBJECT_STORE);
    request.onsuccess = () => {
      clearTimeout(timer);
      // A connection that nobody waits for any more would stand in others' way.
      if (waiting) resolve(request.result);
      else request.result.close();
    };
    request.onerror = () => {
      clearTimeout(timer);
      reject(troubleOf(request.error));
    };
  } catch (error) {
    reject(troubleOf(error));
  }
  return promise;
}

function troubleOf(error: unknown): DatabaseTrouble {
  const name = error instanceof DOMException ? error.name : "";
  // Private windows and blocked site data: browsers differ in what they call it.
  if (name === "SecurityError" || name === "InvalidStateError")
    return new DatabaseTrouble("unavailable", error);
  return new DatabaseTrouble(name === "VersionError" ? "newer_version" : "broken", error);
}

/**
 * Resolves when a transaction is kept, rejects with why it is not.
 *
 * `promisifyRequest` of idb-keyval rejects with the transaction's error before there is one: a full disk would
 * come out as `null`.
 */
export function transactionEnd(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () =>
      reject(transaction.error ?? new DOMException("The transaction was aborted.", "AbortError"));
  });
}
