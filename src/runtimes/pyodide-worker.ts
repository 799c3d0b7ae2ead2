import { bootPyodide } from "./pyodide-boot.ts";
import { createPythonRuntime } from "./python-runtime.ts";
import { serve } from "./serve.ts";

serve(async (message) => createPythonRuntime(await bootPyodide(message), message.interrupts));
