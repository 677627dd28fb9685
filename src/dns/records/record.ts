/**
 * One resource record (RFC 1035 §4.1.3), and which codec reads its data.
 */
import { copyBytes } from "../copy-bytes.ts";
import { MessageError } from "../message-error.ts";
import type { MessageWriter } from "../message-writer.ts";
import { checkRdata } from "../rdata-layout.ts";
import { RdataReader } from "../rdata-reader.ts";
import * as types from "../types.ts";
import { type AaaaData, aaaaCodec, type AData, aCodec } from "./address.ts";
import { type CaaData, caaCodec } from "./caa.ts";
import type { RecordCodec } from "./codec.ts";
import { type DnskeyData, dnskeyCodec } from "./dnskey.ts";
import { type DsData, dsCodec } from "./ds.ts";
import { type HinfoData, hinfoCodec } from "./hinfo.ts";
import { type LocData, locCodec } from "./loc.ts";
import { type MxData, mxCodec } from "./mx.ts";
import { type NameData, nameCodec } from "./name-only.ts";
import { type NaptrData, naptrCodec } from "./naptr.ts";
import { type NsecData, nsecCodec } from "./nsec.ts";
import { type Nsec3Data, nsec3Codec, type Nsec3ParamData, nsec3ParamCodec } from "./nsec3.ts";
import { type OpaqueData, opaqueCodec } from "./opaque.ts";
import { type OpenpgpkeyData, openpgpkeyCodec } from "./openpgpkey.ts";
import { type RpData, rpCodec } from "./rp.ts";
import { type RrsigData, rrsigCodec } from "./rrsig.ts";
import { type SoaData, soaCodec } from "./soa.ts";
import { type SrvData, srvCodec } from "./srv.ts";
import { type SshfpData, sshfpCodec } from "./sshfp.ts";
import { type SvcbData, svcbCodec } from "./svcb.ts";
import { type TlsaData, tlsaCodec } from "./tlsa.ts";
import { type TxtData, txtCodec } from "./txt.ts";
import { type UriData, uriCodec } from "./uri.ts";

export type RecordData =
  | AData
  | AaaaData
  | CaaData
  | DnskeyData
  | DsData
  | HinfoData
  | LocData
  | MxData
  | NameData
  | NaptrData
  | NsecData
  | Nsec3Data
  | Nsec3ParamData
  | OpaqueData
  | OpenpgpkeyData
  | RpData
  | RrsigData
  | SoaData
  | SrvData
  | SshfpData
  | SvcbData
  | TlsaData
  | TxtData
  | UriData;

type Kind = RecordData["kind"];

export interface ResourceRecord {
  /** Owner: uncompressed wire form. */
  readonly name: Uint8Array;
  readonly type: number;
  readonly class: number;
  /** Seconds, 0 to 2^32 - 1. */
  readonly ttl: number;
  /** Of the kind of its type, or opaque. */
  readonly data: RecordData;
}

const CODECS: { readonly [K in Kind]: RecordCodec<Extract<RecordData, { kind: K }>> } = {
  a: aCodec,
  aaaa: aaaaCodec,
  caa: caaCodec,
  dnskey: dnskeyCodec,
  ds: dsCodec,
  hinfo: hinfoCodec,
  loc: locCodec,
  mx: mxCodec,
  name: nameCodec,
  naptr: naptrCodec,
  nsec: nsecCodec,
  nsec3: nsec3Codec,
  nsec3param: nsec3ParamCodec,
  opaque: opaqueCodec,
  openpgpkey: openpgpkeyCodec,
  rp: rpCodec,
  rrsig: rrsigCodec,
  soa: soaCodec,
  srv: srvCodec,
  sshfp: sshfpCodec,
  svcb: svcbCodec,
  tlsa: tlsaCodec,
  txt: txtCodec,
  uri: uriCodec,
};

const KINDS = new Map<number, Kind>([
  [types.TYPE_A, "a"],
  [types.TYPE_AAAA, "aaaa"],
  [types.TYPE_CAA, "caa"],
  [types.TYPE_KEY, "dnskey"],
  [types.TYPE_DNSKEY, "dnskey"],
  [types.TYPE_CDNSKEY, "dnskey"],
  [types.TYPE_DS, "ds"],
  [types.TYPE_CDS, "ds"],
  [types.TYPE_DLV, "ds"],
  [types.TYPE_TA, "ds"],
  [types.TYPE_HINFO, "hinfo"],
  [types.TYPE_LOC, "loc"],
  [types.TYPE_MX, "mx"],
  [types.TYPE_AFSDB, "mx"],
  [types.TYPE_RT, "mx"],
  [types.TYPE_KX, "mx"],
  [types.TYPE_NS, "name"],
  [types.TYPE_MD, "name"],
  [types.TYPE_MF, "name"],
  [types.TYPE_CNAME, "name"],
  [types.TYPE_MB, "name"],
  [types.TYPE_MG, "name"],
  [types.TYPE_MR, "name"],
  [types.TYPE_PTR, "name"],
  [types.TYPE_DNAME, "name"],
  [types.TYPE_NAPTR, "naptr"],
  [types.TYPE_NSEC, "nsec"],
  [types.TYPE_NSEC3, "nsec3"],
  [types.TYPE_NSEC3PARAM, "nsec3param"],
  [types.TYPE_OPENPGPKEY, "openpgpkey"],
  [types.TYPE_DHCID, "openpgpkey"],
  [types.TYPE_RP, "rp"],
  [types.TYPE_MINFO, "rp"],
  [types.TYPE_RRSIG, "rrsig"],
  [types.TYPE_SOA, "soa"],
  [types.TYPE_SRV, "srv"],
  [types.TYPE_SSHFP, "sshfp"],
  [types.TYPE_SVCB, "svcb"],
  [types.TYPE_HTTPS, "svcb"],
  [types.TYPE_TLSA, "tlsa"],
  [types.TYPE_SMIMEA, "tlsa"],
  [types.TYPE_TXT, "txt"],
  [types.TYPE_SPF, "txt"],
  [types.TYPE_NINFO, "txt"],
  [types.TYPE_AVC, "txt"],
  [types.TYPE_RESINFO, "txt"],
  [types.TYPE_URI, "uri"],
]);

/** The codec of a type; the opaque one for types without. Addresses are addresses in class IN only. */
export function codecOf(type: number, dnsClass: number): RecordCodec<RecordData> {
  if (dnsClass !== types.CLASS_IN && (type === types.TYPE_A || type === types.TYPE_AAAA)) return opaqueCodec;
  return CODECS[KINDS.get(type) ?? "opaque"];
}

/**
 * Reads the data of one record.
 *
 * @param message whole, header at 0: names may point into it
 * @param end first index after the data; inside the message
 * @returns opaque data where the type has no codec, or the data is not of its form and holds no name that may be
 *   compressed
 * @throws {MessageError} for data that `checkRdata` refuses
 */
export function decodeData(message: Uint8Array, at: number, end: number, type: number, dnsClass: number): RecordData {
  if (checkRdata(message, 0, at, end, type, dnsClass) < 0) {
    throw new MessageError(`the data of a ${types.typeName(type)} record is malformed`);
  }
  try {
    const reader = new RdataReader(message, at, end);
    const data = codecOf(type, dnsClass).decode(reader);
    if (reader.remaining === 0) return data;
  } catch (error) {
    if (!(error instanceof MessageError)) throw error;
  }
  return { kind: "opaque", bytes: copyBytes(message, at, end) };
}

/** Writes the data of one record, without its length. */
export function encodeData(data: RecordData, writer: MessageWriter, type: number): void {
  const codec: RecordCodec<RecordData> = CODECS[data.kind];
  codec.encode(data, writer, type);
}

/** The data as a zone file writes it. */
export function dataToText(data: RecordData): string {
  const codec: RecordCodec<RecordData> = CODECS[data.kind];
  return codec.toText(data);
}
