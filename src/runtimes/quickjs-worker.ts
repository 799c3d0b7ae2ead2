import { bootQuickJs } from "./quickjs-boot.ts";
import { serve } from "./serve.ts";

serve(bootQuickJs);
