/** One keeper's part in hand-overs: it takes from the one before, and later gives to the next. */
import { describeError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { LeftQuery } from "../fastpath/left-query.ts";
import { HandoverGiver, type LeaveToSuccessor } from "./handover-giver.ts";
import { HandoverSocket } from "./handover-socket.ts";
import { type Inheritance, takeOver, type Takeover } from "./handover-taker.ts";
import { KeeperError } from "./keeper-error.ts";

/** Of the keeper whose servers they are. */
export interface HandoverHost {
  /** What is kept now. */
  readonly kept: Inheritance;
  /** Another serves: the server ends, and then all is over. @param leave gives the other what is not answered until then */
  handOver(leave: LeaveToSuccessor): void;
  /** Queries that the keeper before has left. */
  take(left: readonly LeftQuery[]): void;
}

export class Handover {
  readonly #log: Log;
  readonly #socket: HandoverSocket;
  readonly #takeover: Takeover | undefined;
  #giver: HandoverGiver | undefined;

  private constructor(log: Log, socket: HandoverSocket, takeover: Takeover | undefined) {
    this.#log = log;
    this.#socket = socket;
    this.#takeover = takeover;
    this.#giver = undefined;
  }

  /** Takes what is there. @throws KeeperError when the path is of no use */
  static begin(path: string, log: Log): Handover {
    const socket = HandoverSocket.open(path);
    return new Handover(log, socket, takeOver(path, log));
  }

  /** What was taken; undefined: the start is cold. */
  get inheritance(): Inheritance | undefined {
    return this.#takeover;
  }

  /** A server serves here: the keeper before may end, and the next may come. */
  serve(host: HandoverHost): void {
    try {
      this.#socket.publish();
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error;
      this.#log.error(`keeper: ${describeError(error)}`);
    }
    this.#giver = new HandoverGiver({
      socketFd: this.#socket.fd,
      log: this.#log,
      kept: () => host.kept,
      onHandedOver: (leave) => host.handOver(leave),
    });
    try {
      this.#takeover?.done((left) => host.take(left));
    } catch (error) {
      if (!(error instanceof KeeperError)) throw error;
      this.#log.warning(
        `keeper: process ${this.#takeover?.from} cannot be told that it may end: ${describeError(error)}`,
      );
    }
  }

  close(): void {
    this.#giver?.close();
    this.#socket.close();
  }
}
