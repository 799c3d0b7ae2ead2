import type { ContextValue } from "../context/session-context.ts";
import { parseStored } from "../context/stored-json.ts";
import { SHARED_SESSION } from "../sessions/session-names.ts";
import { parsePin } from "../tools/approval.ts";
import type { PolicyMemory } from "../tools/policy.ts";
import type { OpenArea } from "./open-area.ts";

const TAINT = "taint";

/** Keeps approvals and taint where contexts are kept. What cannot be read there is no approval. */
export function createPolicyMemory(openArea: OpenArea): PolicyMemory {
  const pins = openArea(SHARED_SESSION, "policy");
  return {
    pin: async (ref) => parsePin(parseStored(await pins.get(`pin ${ref}`))),
    setPin: (ref, pin) => pins.set(`pin ${ref}`, JSON.stringify(pin)),
    taint: async (session) => texts(await openArea(session, "policy").get(TAINT)),
    async addTaint(session, tools) {
      await openArea(session, "policy").update(TAINT, (known) =>
        JSON.stringify([...new Set([...texts(known), ...tools])]),
      );
    },
  };
}

function texts(value: ContextValue | undefined): readonly string[] {
  const list = parseStored(value);
  return Array.isArray(list) ? list.filter((one) => typeof one === "string") : [];
}
