/**
 * Numbers of the DNS and their names: types, classes, response codes, opcodes.
 *
 * Values from the IANA "Domain Name System (DNS) Parameters" registries. Texts are those that CoreDNS prints, because
 * people search logs and metrics for them; numbers without a name print as RFC 3597 §5 says (`TYPE666`, `CLASS7`).
 */

export const TYPE_A = 1;
export const TYPE_NS = 2;
export const TYPE_MD = 3;
export const TYPE_MF = 4;
export const TYPE_CNAME = 5;
export const TYPE_SOA = 6;
export const TYPE_MB = 7;
export const TYPE_MG = 8;
export const TYPE_MR = 9;
export const TYPE_NULL = 10;
export const TYPE_PTR = 12;
export const TYPE_HINFO = 13;
export const TYPE_MINFO = 14;
export const TYPE_MX = 15;
export const TYPE_TXT = 16;
export const TYPE_RP = 17;
export const TYPE_AFSDB = 18;
export const TYPE_RT = 21;
export const TYPE_SIG = 24;
export const TYPE_KEY = 25;
export const TYPE_PX = 26;
export const TYPE_AAAA = 28;
export const TYPE_LOC = 29;
export const TYPE_NXT = 30;
export const TYPE_SRV = 33;
export const TYPE_NAPTR = 35;
export const TYPE_KX = 36;
export const TYPE_CERT = 37;
export const TYPE_DNAME = 39;
export const TYPE_OPT = 41;
export const TYPE_DS = 43;
export const TYPE_SSHFP = 44;
export const TYPE_RRSIG = 46;
export const TYPE_NSEC = 47;
export const TYPE_DNSKEY = 48;
export const TYPE_DHCID = 49;
export const TYPE_NSEC3 = 50;
export const TYPE_NSEC3PARAM = 51;
export const TYPE_TLSA = 52;
export const TYPE_SMIMEA = 53;
export const TYPE_NINFO = 56;
export const TYPE_CDS = 59;
export const TYPE_CDNSKEY = 60;
export const TYPE_OPENPGPKEY = 61;
export const TYPE_SVCB = 64;
export const TYPE_HTTPS = 65;
export const TYPE_SPF = 99;
/** NXNAME (RFC 9824 §2): the first of the meta types; a query for it is a format error. */
export const TYPE_NXNAME = 128;
export const TYPE_TKEY = 249;
export const TYPE_TSIG = 250;
export const TYPE_IXFR = 251;
export const TYPE_AXFR = 252;
export const TYPE_MAILB = 253;
export const TYPE_MAILA = 254;
export const TYPE_ANY = 255;
export const TYPE_URI = 256;
export const TYPE_CAA = 257;
export const TYPE_AVC = 258;
export const TYPE_RESINFO = 261;
export const TYPE_TA = 32768;
export const TYPE_DLV = 32769;

export const CLASS_IN = 1;
export const CLASS_CH = 3;
export const CLASS_HS = 4;
export const CLASS_NONE = 254;
export const CLASS_ANY = 255;

export const RCODE_NOERROR = 0;
export const RCODE_FORMERR = 1;
export const RCODE_SERVFAIL = 2;
export const RCODE_NXDOMAIN = 3;
export const RCODE_NOTIMP = 4;
export const RCODE_REFUSED = 5;
export const RCODE_YXDOMAIN = 6;
export const RCODE_YXRRSET = 7;
export const RCODE_NXRRSET = 8;
export const RCODE_NOTAUTH = 9;
export const RCODE_NOTZONE = 10;
export const RCODE_DSOTYPENI = 11;
/** Extended codes, 16 and up, need an OPT (RFC 6891 §6.1.3). */
export const RCODE_BADVERS = 16;
export const RCODE_BADKEY = 17;
export const RCODE_BADTIME = 18;
export const RCODE_BADMODE = 19;
export const RCODE_BADNAME = 20;
export const RCODE_BADALG = 21;
export const RCODE_BADTRUNC = 22;
export const RCODE_BADCOOKIE = 23;

export const OPCODE_QUERY = 0;
export const OPCODE_IQUERY = 1;
export const OPCODE_STATUS = 2;
export const OPCODE_NOTIFY = 4;
export const OPCODE_UPDATE = 5;
export const OPCODE_DSO = 6;

const TYPE_NAMES = new Map<number, string>([
  [TYPE_A, "A"],
  [TYPE_NS, "NS"],
  [TYPE_MD, "MD"],
  [TYPE_MF, "MF"],
  [TYPE_CNAME, "CNAME"],
  [TYPE_SOA, "SOA"],
  [TYPE_MB, "MB"],
  [TYPE_MG, "MG"],
  [TYPE_MR, "MR"],
  [TYPE_NULL, "NULL"],
  [11, "WKS"],
  [TYPE_PTR, "PTR"],
  [TYPE_HINFO, "HINFO"],
  [TYPE_MINFO, "MINFO"],
  [TYPE_MX, "MX"],
  [TYPE_TXT, "TXT"],
  [TYPE_RP, "RP"],
  [TYPE_AFSDB, "AFSDB"],
  [19, "X25"],
  [20, "ISDN"],
  [TYPE_RT, "RT"],
  [22, "NSAP"],
  [23, "NSAP-PTR"],
  [TYPE_SIG, "SIG"],
  [TYPE_KEY, "KEY"],
  [TYPE_PX, "PX"],
  [27, "GPOS"],
  [TYPE_AAAA, "AAAA"],
  [TYPE_LOC, "LOC"],
  [TYPE_NXT, "NXT"],
  [31, "EID"],
  [32, "NIMLOC"],
  [TYPE_SRV, "SRV"],
  [34, "ATMA"],
  [TYPE_NAPTR, "NAPTR"],
  [TYPE_KX, "KX"],
  [TYPE_CERT, "CERT"],
  [38, "A6"],
  [TYPE_DNAME, "DNAME"],
  [40, "SINK"],
  [TYPE_OPT, "OPT"],
  [42, "APL"],
  [TYPE_DS, "DS"],
  [TYPE_SSHFP, "SSHFP"],
  [45, "IPSECKEY"],
  [TYPE_RRSIG, "RRSIG"],
  [TYPE_NSEC, "NSEC"],
  [TYPE_DNSKEY, "DNSKEY"],
  [TYPE_DHCID, "DHCID"],
  [TYPE_NSEC3, "NSEC3"],
  [TYPE_NSEC3PARAM, "NSEC3PARAM"],
  [TYPE_TLSA, "TLSA"],
  [TYPE_SMIMEA, "SMIMEA"],
  [55, "HIP"],
  [TYPE_NINFO, "NINFO"],
  [57, "RKEY"],
  [58, "TALINK"],
  [TYPE_CDS, "CDS"],
  [TYPE_CDNSKEY, "CDNSKEY"],
  [TYPE_OPENPGPKEY, "OPENPGPKEY"],
  [62, "CSYNC"],
  [63, "ZONEMD"],
  [TYPE_SVCB, "SVCB"],
  [TYPE_HTTPS, "HTTPS"],
  [TYPE_SPF, "SPF"],
  [100, "UINFO"],
  [101, "UID"],
  [102, "GID"],
  [103, "UNSPEC"],
  [104, "NID"],
  [105, "L32"],
  [106, "L64"],
  [107, "LP"],
  [108, "EUI48"],
  [109, "EUI64"],
  [TYPE_NXNAME, "NXNAME"],
  [TYPE_TKEY, "TKEY"],
  [TYPE_TSIG, "TSIG"],
  [TYPE_IXFR, "IXFR"],
  [TYPE_AXFR, "AXFR"],
  [TYPE_MAILB, "MAILB"],
  [TYPE_MAILA, "MAILA"],
  [TYPE_ANY, "ANY"],
  [TYPE_URI, "URI"],
  [TYPE_CAA, "CAA"],
  [TYPE_AVC, "AVC"],
  [259, "DOA"],
  [260, "AMTRELAY"],
  [TYPE_RESINFO, "RESINFO"],
  [TYPE_TA, "TA"],
  [TYPE_DLV, "DLV"],
]);

const CLASS_NAMES = new Map<number, string>([
  [CLASS_IN, "IN"],
  [2, "CS"],
  [CLASS_CH, "CH"],
  [CLASS_HS, "HS"],
  [CLASS_NONE, "NONE"],
  [CLASS_ANY, "ANY"],
]);

const RCODE_NAMES = new Map<number, string>([
  [RCODE_NOERROR, "NOERROR"],
  [RCODE_FORMERR, "FORMERR"],
  [RCODE_SERVFAIL, "SERVFAIL"],
  [RCODE_NXDOMAIN, "NXDOMAIN"],
  [RCODE_NOTIMP, "NOTIMP"],
  [RCODE_REFUSED, "REFUSED"],
  [RCODE_YXDOMAIN, "YXDOMAIN"],
  [RCODE_YXRRSET, "YXRRSET"],
  [RCODE_NXRRSET, "NXRRSET"],
  [RCODE_NOTAUTH, "NOTAUTH"],
  [RCODE_NOTZONE, "NOTZONE"],
  [RCODE_DSOTYPENI, "DSOTYPENI"],
  // BADVERS and BADSIG share 16; CoreDNS prints the latter in logs and labels.
  [RCODE_BADVERS, "BADSIG"],
  [RCODE_BADKEY, "BADKEY"],
  [RCODE_BADTIME, "BADTIME"],
  [RCODE_BADMODE, "BADMODE"],
  [RCODE_BADNAME, "BADNAME"],
  [RCODE_BADALG, "BADALG"],
  [RCODE_BADTRUNC, "BADTRUNC"],
  [RCODE_BADCOOKIE, "BADCOOKIE"],
]);

function inverted(names: ReadonlyMap<number, string>): Map<string, number> {
  return new Map([...names].map(([number, name]) => [name, number]));
}

const TYPE_NUMBERS = inverted(TYPE_NAMES);
const CLASS_NUMBERS = inverted(CLASS_NAMES);
const RCODE_NUMBERS = inverted(RCODE_NAMES).set("BADVERS", RCODE_BADVERS).set("NOTIMPL", RCODE_NOTIMP);

/** `A`, `AAAA`; `TYPE666` for a type without a name. */
export function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `TYPE${type}`;
}

/** The reverse of `typeName`, in any case of letters. @returns undefined for no such type */
export function typeNumber(text: string): number | undefined {
  return numberNamed(text, TYPE_NUMBERS, "TYPE");
}

/** `IN`, `CH`; `CLASS7` for a class without a name. */
export function className(dnsClass: number): string {
  return CLASS_NAMES.get(dnsClass) ?? `CLASS${dnsClass}`;
}

/** The reverse of `className`, in any case of letters. @returns undefined for no such class */
export function classNumber(text: string): number | undefined {
  return numberNamed(text, CLASS_NUMBERS, "CLASS");
}

/** `NOERROR`, `NXDOMAIN`; `RCODE77` for a code without a name. 16 is `BADSIG`, as CoreDNS prints it. */
export function rcodeName(rcode: number): string {
  return RCODE_NAMES.get(rcode) ?? `RCODE${rcode}`;
}

/** The reverse of `rcodeName`, in any case of letters; knows `BADVERS` too. @returns undefined for no such code */
export function rcodeNumber(text: string): number | undefined {
  return numberNamed(text, RCODE_NUMBERS, "RCODE");
}

function numberNamed(text: string, names: ReadonlyMap<string, number>, prefix: string): number | undefined {
  const upper = text.toUpperCase();
  const known = names.get(upper);
  if (known !== undefined) return known;
  if (!upper.startsWith(prefix) || !/^\d{1,5}$/.test(upper.slice(prefix.length))) return undefined;
  const number = Number(upper.slice(prefix.length));
  return number > 0xffff ? undefined : number;
}
