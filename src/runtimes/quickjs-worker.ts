import { createQuickJsRuntime } from "./quickjs-runtime.ts";
import { VmTemplate } from "./quickjs-vm.ts";
import { serve } from "./serve.ts";

serve(async ({ modules }) => {
  const engine = (name: string): WebAssembly.Module => {
    const module = modules[name];
    if (module === undefined) throw new Error(`The frame handed in no module ${name}`);
    return module;
  };
  const wasm = engine("quickjs");
  const bare = await VmTemplate.create(wasm, []);
  let web: Promise<VmTemplate> | undefined;
  return createQuickJsRuntime({
    bare,
    web: () => {
      web ??= VmTemplate.create(wasm, [
        { name: "encoding", wasm: engine("encoding") },
        {
          name: "structured-clone",
          wasm: engine("structured-clone"),
          initFn: "qjs_ext_structured_clone_init",
        },
        { name: "url", wasm: engine("url") },
      ]);
      return web;
    },
  });
});
