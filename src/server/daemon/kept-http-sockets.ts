/** HTTP sockets that the keeper holds too: taken from it where it has them, opened and given to it where not. */
import { setTimeout as sleep } from "node:timers/promises";
import { BindError } from "../../base/bind-error.ts";
import { openTcpListener } from "../../linux/tcp-socket.ts";
import { boundSocket, isBoundTo } from "../../linux/udp-socket.ts";
import { socketName } from "../keeper/names.ts";
import type { HttpSockets } from "../web/http-sockets.ts";
import type { KeeperLink, KeptItem } from "./keeper-link.ts";

/** Connections that may wait to be accepted. */
const BACKLOG = 511;
/** For the keeper to let go of a socket, milliseconds. */
const LET_GO_MS = 1000;
const RETRY_MS = 10;

export class KeptHttpSockets implements HttpSockets {
  readonly #keeper: KeeperLink;
  /** By descriptor. */
  readonly #open: Map<number, KeptItem>;

  constructor(keeper: KeeperLink) {
    this.#keeper = keeper;
    this.#open = new Map();
  }

  /** To be kept. */
  get items(): readonly KeptItem[] {
    return [...this.#open.values()];
  }

  /** Name of a socket that is open. */
  nameOf(fd: number): string | undefined {
    return this.#open.get(fd)?.name;
  }

  /** Those of the server before that nobody has asked for. */
  letGoOfOthers(): void {
    const names = this.#names();
    this.#keeper.letGoOfHttp((name) => !names.has(name));
  }

  async open(address: string, port: number): Promise<number> {
    const name = socketName("http", address, port);
    const fd = this.#kept(address, port) ?? (await this.#opened(address, port));
    this.#open.set(fd, { name, meta: {}, fd });
    return fd;
  }

  closed(fd: number): void {
    this.#open.delete(fd);
  }

  #kept(address: string, port: number): number | undefined {
    const item = this.#keeper.takeSocket("http", address, port);
    if (item === undefined) return undefined;
    const bound = boundSocket(item.fd);
    if (bound?.type === "tcp" && isBoundTo(bound, address, port)) return item.fd;
    this.#keeper.reject(item);
    return undefined;
  }

  #names(): ReadonlySet<string> {
    return new Set(this.items.map(({ name }) => name));
  }

  /** What the server before had on the port by another address must not keep this one from starting, for ever. */
  async #opened(address: string, port: number): Promise<number> {
    const endsAt = performance.now() + LET_GO_MS;
    let letGo = false;
    for (;;) {
      try {
        return openTcpListener(address, port, BACKLOG);
      } catch (error) {
        const inUse =
          error instanceof BindError && error.cause instanceof Error && error.cause.message === "EADDRINUSE";
        if (inUse && !letGo) {
          const names = this.#names();
          letGo = this.#keeper.letGoOfHttp((name) => name.endsWith(`/${port}`) && !names.has(name));
        }
        if (!inUse || !letGo || performance.now() > endsAt) throw error;
        await sleep(RETRY_MS);
      }
    }
  }
}
