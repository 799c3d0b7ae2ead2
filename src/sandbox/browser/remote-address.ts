import { OptimizerError } from "../../base/errors.ts";

/** The address of the socket. Throws 400 for what is no address of a host. */
export function socketAddress(url: string): URL {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (address === undefined || !/^https?:$/.test(address.protocol)) {
    throw new OptimizerError(`${JSON.stringify(url)} is no address of a host.`, {
      code: 400,
      kind: "invalid_options",
      hint: 'Give the address that the host printed: "http://127.0.0.1:4780".',
    });
  }
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  address.pathname = `${address.pathname.replace(/\/$/, "")}/v1/sandbox`;
  address.search = "";
  address.hash = "";
  return address;
}
