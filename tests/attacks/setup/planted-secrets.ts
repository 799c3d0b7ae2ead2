/** A secret of the page, in every place where code of the page's origin could read it. */
export interface PlantedSecrets extends AsyncDisposable {
  /** Name of the database, the cache, the file, the key, the lock and the channel. */
  readonly name: string;
  readonly secret: string;
  /** What others said on the page's channel. */
  readonly heard: readonly string[];
}

export async function plantSecrets(): Promise<PlantedSecrets> {
  const name = `planted-${crypto.randomUUID()}`;
  const secret = `secret-${crypto.randomUUID()}`;
  const heard: string[] = [];
  const opening = indexedDB.open(name);
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    opening.onupgradeneeded = () => opening.result.createObjectStore("store").put(secret, "key");
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error ?? new Error("no database"));
  });
  await (await caches.open(name)).put("/planted", new Response(secret));
  // WebKitGTK has no such place.
  const directory = Reflect.has(navigator, "storage") ? await navigator.storage.getDirectory() : undefined;
  const writable = await (await directory?.getFileHandle(name, { create: true }))?.createWritable();
  await writable?.write(secret);
  await writable?.close();
  localStorage.setItem(name, secret);
  const held = Promise.withResolvers<void>();
  void navigator.locks.request(`${name}-${secret}`, () => held.promise);
  const channel = new BroadcastChannel(name);
  channel.onmessage = ({ data }: MessageEvent<unknown>) => {
    heard.push(String(data));
    channel.postMessage(secret);
  };
  return {
    name,
    secret,
    heard,
    async [Symbol.asyncDispose]() {
      channel.close();
      held.resolve();
      localStorage.removeItem(name);
      await directory?.removeEntry(name);
      await caches.delete(name);
      database.close();
      indexedDB.deleteDatabase(name);
    },
  };
}
