/** A value in IndexedDB, as a page keeps it. */
export interface IndexedStore {
  /** Resolves when the browser says that it is kept. */
  put(value: unknown): Promise<void>;
  get(): Promise<unknown>;
  close(): void;
}

/** Opens the database of this name. */
export async function openIndexedStore(name: string): Promise<IndexedStore> {
  const database = await settled(indexedDB.open(name, 1), (opening) =>
    opening.result.createObjectStore("values"),
  );
  const within = (mode: IDBTransactionMode): IDBTransaction => database.transaction("values", mode);
  return {
    put: (value) =>
      new Promise((resolve, reject) => {
        const transaction = within("readwrite");
        transaction.objectStore("values").put(value, "one");
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(new Error(String(transaction.error)));
      }),
    get: () => settled<unknown>(within("readonly").objectStore("values").get("one")),
    close: () => database.close(),
  };
}

function settled<T>(request: IDBRequest<T>, onUpgrade?: (opening: IDBRequest<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    if (onUpgrade !== undefined) request.addEventListener("upgradeneeded", () => onUpgrade(request));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(new Error(String(request.error)));
  });
}
