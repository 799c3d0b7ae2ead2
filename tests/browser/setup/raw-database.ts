/** The browser's database as any other code of the origin has it, past ours. */
export interface RawDatabase extends Disposable {
  readonly version: number;
  get(key: string): Promise<unknown>;
  put(key: string, value: unknown): Promise<void>;
}

/** Opens a database at a version and makes its store where there is none. `store: false` makes none. */
export async function openRaw(
  name: string,
  { version, store = true }: { readonly version?: number; readonly store?: boolean } = {},
): Promise<RawDatabase> {
  const request = indexedDB.open(name, version);
  request.onupgradeneeded = () => {
    if (store && !request.result.objectStoreNames.contains("records"))
      request.result.createObjectStore("records");
  };
  const database = await settled(request);
  return {
    version: database.version,
    get: (key) => settled<unknown>(database.transaction("records").objectStore("records").get(key)),
    async put(key, value) {
      await settled(database.transaction("records", "readwrite").objectStore("records").put(value, key));
    },
    [Symbol.dispose]: () => database.close(),
  };
}

/** Deletes a database. Rejects when a connection stands in its way and is not closed. */
export async function deleteRaw(name: string): Promise<void> {
  const request = indexedDB.deleteDatabase(name);
  // A connection that was just closed may block for a moment.
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("A connection stays open.")), 10_000);
  try {
    await Promise.race([settled(request), promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** A tab that upgrades a database and does not come to an end with it, until it is told to. */
export async function holdUpgrade(name: string, version: number): Promise<{ end(): Promise<void> }> {
  const request = indexedDB.open(name, version);
  let holding = true;
  await new Promise<void>((resolve) => {
    request.onupgradeneeded = () => {
      const { result: database, transaction } = request;
      if (!database.objectStoreNames.contains("records")) database.createObjectStore("records");
      // A transaction lives as long as it has requests.
      const spin = (): void => {
        if (transaction === null || !holding) return;
        transaction.objectStore("records").get("nothing").onsuccess = spin;
      };
      spin();
      resolve();
    };
  });
  return {
    async end() {
      holding = false;
      (await settled(request)).close();
    },
  };
}

function settled<Value>(request: IDBRequest<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("The request failed."));
  });
}
