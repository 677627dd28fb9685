/** Reads protobuf messages without a schema, apart from any library, so that a mistake of one does not hide itself. */

/** Values of a message by field number, in the order in which they came. */
export type Fields = ReadonlyMap<number, readonly (number | bigint | Uint8Array)[]>;

/** @returns varints and fixed64 as bigint, fixed32 as number, the rest as bytes. @throws on anything else */
export function protobufFields(bytes: Uint8Array): Fields {
  const fields = new Map<number, (number | bigint | Uint8Array)[]>();
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = data.getUint8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const values = fields.get(tag >> 3) ?? [];
    fields.set(tag >> 3, values);
    switch (tag & 7) {
      case 0:
        values.push(varint());
        break;
      case 1:
        values.push(data.getBigUint64(at, true));
        at += 8;
        break;
      case 2: {
        const length = Number(varint());
        if (at + length > bytes.length) throw new Error("a field ends behind its message");
        values.push(Uint8Array.from(bytes.subarray(at, at + length)));
        at += length;
        break;
      }
      case 5:
        values.push(data.getUint32(at, true));
        at += 4;
        break;
      default:
        throw new Error(`wire type ${tag & 7}`);
    }
  }
  return fields;
}

/** The only value of a field as a number; undefined without one. */
export function numberField(fields: Fields, field: number): number | undefined {
  const [value] = fields.get(field) ?? [];
  return typeof value === "number" || typeof value === "bigint" ? Number(value) : undefined;
}

/** The first value of a field as bytes; undefined without one. */
export function bytesField(fields: Fields, field: number): Uint8Array | undefined {
  const [value] = fields.get(field) ?? [];
  return value instanceof Uint8Array ? value : undefined;
}
