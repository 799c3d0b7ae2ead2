/** In the page: waits until the worker has kept the demo's files and serves this page. */
export async function untilKept(): Promise<void> {
  await navigator.serviceWorker.ready;
  if (navigator.serviceWorker.controller === null)
    await new Promise((resolve) =>
      navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }),
    );
}
