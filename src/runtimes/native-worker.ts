import { createNativeRuntime } from "./native-runtime.ts";
import { serve } from "./serve.ts";

serve(async () => createNativeRuntime());
