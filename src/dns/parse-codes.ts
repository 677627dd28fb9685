/** Refusals of the parsers in this folder: negative, so that a length or offset is never mistaken for one. */

/** The message ends before what it announces. */
export const ERR_TRUNCATED = -1;
/** A name longer than 255 bytes (RFC 1035 §2.3.4). */
export const ERR_NAME_TOO_LONG = -2;
/** A compression pointer where none may stand. */
export const ERR_COMPRESSED = -3;
/** A label type other than 00 and 11 (RFC 6891 §5 withdrew 01; 10 was never assigned). */
export const ERR_LABEL_TYPE = -4;
/** A compression pointer that does not point strictly backwards, or too many of them. */
export const ERR_POINTER = -5;
/** RDLENGTH, a count or an option length that does not fit what is there. */
export const ERR_LENGTH = -6;
/** More than one OPT, or an OPT whose owner is not the root (RFC 6891 §6.1.1). */
export const ERR_OPT = -7;
/** Names that are short on the wire and take long to read, one after another: work is what they are for. */
export const ERR_LABORIOUS = -8;
