/**
 * Cuts the bodies of lists and watches into objects while they arrive, so that no more than one is held as text.
 *
 * Chunks are only looked at while they are given; what lasts is copied.
 */
import { ApiError } from "./kube-errors.ts";
import { isRecord, record, text, type Raw } from "./raw.ts";

/** An object of the API is at most 1.5 MiB in etcd (`--max-request-bytes`), and somewhat longer as JSON. */
const OBJECT_MAX_BYTES = 16 << 20;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const NEWLINE = 0x0a;

/** Bytes of one text over several chunks. */
class Pieces {
  #pieces: Buffer[] = [];
  #bytes = 0;

  get empty(): boolean {
    return this.#bytes === 0;
  }

  keep(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#bytes += piece.length;
    if (this.#bytes > OBJECT_MAX_BYTES)
      throw new ApiError("broken", `an object of more than ${OBJECT_MAX_BYTES} bytes`);
    this.#pieces.push(Buffer.from(piece));
  }

  /** All that was kept and `last`, as text; empties it. */
  take(last: Buffer): string {
    if (this.#bytes === 0) return last.toString("utf8");
    const whole = Buffer.concat([...this.#pieces, last]).toString("utf8");
    this.#pieces = [];
    this.#bytes = 0;
    return whole;
  }
}

/** A list: `{"kind":"ServiceList","metadata":{…},"items":[…]}`. */
export class ListReader {
  readonly #onItem: (raw: Raw) => void;
  /** The list without its items. */
  readonly #shell = new Pieces();
  readonly #item = new Pieces();
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** Between the brackets of `items`, the only array directly in a list. */
  #inItems = false;

  constructor(onItem: (raw: Raw) => void) {
    this.#onItem = onItem;
  }

  /** @throws ApiError `broken` */
  push(chunk: Buffer): void {
    let depth = this.#depth;
    let inString = this.#inString;
    let escaped = this.#escaped;
    let from = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i];
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
        continue;
      }
      if (byte === QUOTE) inString = true;
      else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        depth++;
        if (depth === 2 && byte === OPEN_ARRAY) {
          this.#shell.keep(chunk.subarray(from, i + 1));
          this.#inItems = true;
        } else if (depth === 3 && this.#inItems) from = i;
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        depth--;
        if (depth === 2 && this.#inItems) {
          this.#onItem(parse(this.#item.take(chunk.subarray(from, i + 1))));
        } else if (depth === 1 && this.#inItems) {
          this.#inItems = false;
          from = i;
        }
      }
    }
    if (!this.#inItems) this.#shell.keep(chunk.subarray(from));
    else if (depth >= 3) this.#item.keep(chunk.subarray(from));
    this.#depth = depth;
    this.#inString = inString;
    this.#escaped = escaped;
  }

  /** @throws ApiError `broken` when the list is not whole */
  end(): { readonly resourceVersion: string; readonly continue: string } {
    const metadata = record(parse(this.#shell.take(Buffer.alloc(0)))["metadata"]);
    const resourceVersion = text(metadata["resourceVersion"]);
    if (resourceVersion === "") throw new ApiError("broken", "a list without a resourceVersion");
    return { resourceVersion, continue: text(metadata["continue"]) };
  }
}

/** A watch: one object a line. */
export class LineReader {
  readonly #onObject: (raw: Raw) => void;
  readonly #line = new Pieces();

  constructor(onObject: (raw: Raw) => void) {
    this.#onObject = onObject;
  }

  /** A line has begun and not ended. */
  get pending(): boolean {
    return !this.#line.empty;
  }

  /** @throws ApiError `broken` */
  push(chunk: Buffer): void {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      const line = this.#line.take(chunk.subarray(from, end));
      from = end + 1;
      if (line.trim() !== "") this.#onObject(parse(line));
    }
    this.#line.keep(chunk.subarray(from));
  }
}

function parse(json: string): Raw {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new ApiError("broken", "the API server sent what is no JSON", { cause });
  }
  if (!isRecord(value)) throw new ApiError("broken", "the API server sent JSON that is no object");
  return value;
}
