/** What the fast path cannot answer, handed on within one thread. */
import { SOCKADDR_MAX_BYTES } from "../../base/address.ts";
import { CopyBlocks } from "../../base/copy-blocks.ts";
import type { Relay } from "./fast-path.ts";
import type { QueryRecord } from "./query-record.ts";

const NOTHING = new Uint8Array(0);

export class DirectRelay implements Relay, QueryRecord {
  id: number;
  receivedAtMs: number;
  bytes: Uint8Array;
  payloadAt: number;
  length: number;
  sockaddrAt: number;
  controlAt: number;
  controlLength: number;
  readonly #blocks: CopyBlocks;
  readonly #onQuery: (record: QueryRecord) => void;

  constructor(onQuery: (record: QueryRecord) => void) {
    this.id = 0;
    this.receivedAtMs = 0;
    this.bytes = NOTHING;
    this.payloadAt = 0;
    this.length = 0;
    this.sockaddrAt = 0;
    this.controlAt = 0;
    this.controlLength = 0;
    this.#blocks = new CopyBlocks();
    this.#onQuery = onQuery;
  }

  push(
    _kind: number,
    id: number,
    receivedAtMs: number,
    from: Uint8Array,
    payloadAt: number,
    payloadLength: number,
    sockaddrAt: number,
    controlAt: number,
    controlLength: number,
  ): boolean {
    this.id = id;
    this.receivedAtMs = receivedAtMs;
    this.bytes = from;
    this.payloadAt = payloadAt;
    this.length = payloadLength;
    this.sockaddrAt = sockaddrAt;
    this.controlAt = controlAt;
    this.controlLength = controlLength;
    this.#onQuery(this);
    return true;
  }

  payload(): Uint8Array {
    return this.#blocks.copy(this.bytes, this.payloadAt, this.length);
  }

  sockaddr(): Uint8Array {
    return this.#blocks.copy(this.bytes, this.sockaddrAt, SOCKADDR_MAX_BYTES);
  }

  control(): Uint8Array | undefined {
    if (this.controlLength <= 0) return undefined;
    return this.#blocks.copy(this.bytes, this.controlAt, this.controlLength);
  }
}
