/** SVCB and HTTPS (RFC 9460 §2). Their target is not compressed. */
import { MessageError } from "../message-error.ts";
import type { MessageWriter } from "../message-writer.ts";
import { nameToText } from "../name-text.ts";
import type { RdataReader } from "../rdata-reader.ts";
import type { RecordCodec } from "./codec.ts";
import { mandatoryKeysHold, parameterFromText, parameterText, type SvcbParameter } from "./svcb-parameters.ts";
import { RecordTextError, type TextWords } from "./text-words.ts";

export interface SvcbData {
  readonly kind: "svcb";
  /** 0: alias. */
  readonly priority: number;
  /** Wire form. */
  readonly target: Uint8Array;
  /** Keys strictly ascending; those that a `mandatory` lists are there. */
  readonly parameters: readonly SvcbParameter[];
}

export const svcbCodec: RecordCodec<SvcbData> = {
  decode: (reader: RdataReader) => {
    const priority = reader.u16();
    const target = reader.plainName();
    const parameters: SvcbParameter[] = [];
    let previous = -1;
    while (reader.remaining > 0) {
      const key = reader.u16();
      if (key <= previous) throw new MessageError("SVCB parameters out of order");
      previous = key;
      parameters.push({ key, value: reader.bytes(reader.u16()) });
    }
    if (!mandatoryKeysHold(parameters)) throw new MessageError("SVCB's mandatory keys do not hold");
    return { kind: "svcb", priority, target, parameters };
  },
  encode: (data: SvcbData, writer: MessageWriter) => {
    writer.u16(data.priority);
    writer.plainName(data.target);
    for (const { key, value } of data.parameters) {
      writer.u16(key);
      writer.u16(value.length);
      writer.bytes(value);
    }
  },
  toText: (data: SvcbData) =>
    [String(data.priority), nameToText(data.target), ...data.parameters.map(parameterText)].join(" "),
  fromText: (words: TextWords) => {
    const priority = words.integer("priority", 0xffff);
    const target = words.name("target");
    const parameters: SvcbParameter[] = [];
    while (words.left > 0) {
      parameters.push(parameterFromText(words.word("parameter")));
    }
    parameters.sort((a, b) => a.key - b.key);
    if (parameters.some(({ key }, index) => key === parameters[index + 1]?.key)) {
      throw new RecordTextError("an SVCB parameter twice");
    }
    if (!mandatoryKeysHold(parameters)) throw new RecordTextError("SVCB's mandatory keys do not hold");
    return { kind: "svcb", priority, target, parameters };
  },
};
