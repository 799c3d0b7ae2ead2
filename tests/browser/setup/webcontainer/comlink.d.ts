declare module "*/@webcontainer/api/dist/vendor/index.js" {
  /** The part of the API's own copy of Comlink that its service speaks. */
  export const Comlink: {
    expose(service: object, port: MessagePort): void;
    proxy<T extends object>(value: T): T;
  };
}
