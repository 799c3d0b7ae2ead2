// Stands before the script of a worker that the frame's document starts. The worker's messages go over a
// port that comes with its first message. Its own way to the document is taken from it: in Firefox that
// thread is the page's as well, and a worker that was taken over could keep it busy.

type Message = Parameters<MessagePort["postMessage"]>;

// Taken now: a runtime may empty the scope.
const dispatch = self.dispatchEvent.bind(self);
const OwnMessageEvent = MessageEvent;
const early: Message[] = [];
let port: MessagePort | undefined;

addEventListener(
  "message",
  (first: MessageEvent<unknown>) => {
    first.stopImmediatePropagation();
    [port] = first.ports;
    if (port === undefined) return;
    port.onmessage = ({ data, ports }) =>
      dispatch(new OwnMessageEvent("message", { data, ports: [...ports] }));
    for (const message of early.splice(0)) port.postMessage(...message);
  },
  { once: true },
);

for (let holder: object | null = self; holder !== null; holder = Object.getPrototypeOf(holder)) {
  Reflect.deleteProperty(holder, "postMessage");
}
Object.defineProperty(self, "postMessage", {
  value(...message: Message): void {
    if (port === undefined) early.push(message);
    else port.postMessage(...message);
  },
  writable: true,
  configurable: true,
});

export {};
