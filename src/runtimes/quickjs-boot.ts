import prelude from "./guest-prelude.js?raw";
import { createQuickJsRuntime } from "./quickjs-runtime.ts";
import { VmTemplate } from "./quickjs-vm.ts";
import type { Runtime } from "./run-server.ts";
import type { BootMessage } from "./serve.ts";
import { openVmImage, packVmImage } from "./vm-image.ts";

/** Resolves with a runtime whose first VM is under way. Rejects when a part is missing. */
export async function bootQuickJs({ modules, files }: BootMessage): Promise<Runtime> {
  const engine = (name: string): WebAssembly.Module => {
    const module = modules[name];
    if (module === undefined) throw new Error(`No module ${name} was handed in`);
    return module;
  };
  const wasm = engine("quickjs");
  const { image } = files;
  if (image === undefined) throw new Error("No image of a VM was handed in");
  let web: Promise<VmTemplate> | undefined;
  const createWeb = async (): Promise<VmTemplate> => {
    const extensions = [
      { name: "encoding", wasm: engine("encoding") },
      {
        name: "structured-clone",
        wasm: engine("structured-clone"),
        initFn: "qjs_ext_structured_clone_init",
      },
      { name: "url", wasm: engine("url") },
    ];
    const { buffer } = await packVmImage(wasm, extensions, prelude);
    return new VmTemplate(wasm, extensions, openVmImage(buffer));
  };
  return createQuickJsRuntime({
    bare: new VmTemplate(wasm, [], openVmImage(image)),
    web: () => {
      web ??= createWeb();
      return web;
    },
  });
}
