/**
 * dnstap messages as bytes: the part of `dnstap.proto` (dnstap.info, proto2) that a cache has something to say in.
 *
 *   Dnstap   identity 1, version 2, extra 3, message 14, type 15
 *   Message  type 1, socket_family 2, socket_protocol 3, query_address 4, response_address 5, query_port 6,
 *            response_port 7, query_time_sec 8, query_time_nsec 9, query_message 10, response_time_sec 12,
 *            response_time_nsec 13, response_message 14
 */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

export const CLIENT_QUERY = 5;
export const CLIENT_RESPONSE = 6;
export const FORWARDER_QUERY = 7;
export const FORWARDER_RESPONSE = 8;

/** Of `Dnstap.type`. */
const TYPE_MESSAGE = 1;
const FAMILY_INET = 1;
const FAMILY_INET6 = 2;
const PROTOCOL_UDP = 1;
const PROTOCOL_TCP = 2;

export interface Endpoint {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly port: number;
}

export interface TapMessage {
  /** One of the constants above. */
  readonly type: number;
  readonly proto: "udp" | "tcp";
  /** Who asked, and who was asked. */
  readonly query?: Endpoint | undefined;
  readonly response?: Endpoint | undefined;
  /** Unix time, milliseconds, with fraction. */
  readonly queryTimeMs: number;
  readonly responseTimeMs?: number;
  readonly queryMessage?: Uint8Array | undefined;
  readonly responseMessage?: Uint8Array | undefined;
}

export interface TapOrigin {
  readonly identity: Uint8Array;
  readonly version: Uint8Array;
}

/** @param extra empty: none */
export function encodeDnstap(origin: TapOrigin, extra: string, message: TapMessage): Uint8Array {
  const writer = new BinaryWriter();
  bytes(writer, 1, origin.identity);
  bytes(writer, 2, origin.version);
  if (extra !== "") writer.tag(3, WireType.LengthDelimited).string(extra);
  writer.tag(14, WireType.LengthDelimited).fork();
  writeMessage(writer, message);
  writer.join();
  writer.tag(15, WireType.Varint).uint32(TYPE_MESSAGE);
  return writer.finish();
}

function writeMessage(writer: BinaryWriter, message: TapMessage): void {
  const { query, response, responseTimeMs, queryMessage, responseMessage } = message;
  writer.tag(1, WireType.Varint).uint32(message.type);
  const address = (query ?? response)?.address;
  if (address !== undefined) {
    writer.tag(2, WireType.Varint).uint32(address.length === 4 ? FAMILY_INET : FAMILY_INET6);
  }
  writer.tag(3, WireType.Varint).uint32(message.proto === "tcp" ? PROTOCOL_TCP : PROTOCOL_UDP);
  if (query !== undefined) bytes(writer, 4, query.address);
  if (response !== undefined) bytes(writer, 5, response.address);
  if (query !== undefined) writer.tag(6, WireType.Varint).uint32(query.port);
  if (response !== undefined) writer.tag(7, WireType.Varint).uint32(response.port);
  time(writer, 8, message.queryTimeMs);
  if (queryMessage !== undefined) bytes(writer, 10, queryMessage);
  if (responseTimeMs !== undefined) time(writer, 12, responseTimeMs);
  if (responseMessage !== undefined) bytes(writer, 14, responseMessage);
}

function bytes(writer: BinaryWriter, field: number, value: Uint8Array): void {
  writer.tag(field, WireType.LengthDelimited).bytes(value);
}

/** Seconds in `field`, nanoseconds in the next. */
function time(writer: BinaryWriter, field: number, ms: number): void {
  const seconds = Math.floor(ms / 1000);
  const nanoseconds = Math.min(999_999_999, Math.round((ms - seconds * 1000) * 1e6));
  writer.tag(field, WireType.Varint).uint64(seconds);
  writer.tag(field + 1, WireType.Bit32).fixed32(nanoseconds);
}
