/** A certificate of one's own, signed by itself: what a test of TLS needs. Made anew each time; no key is kept. */
import { generateKeyPairSync, sign } from "node:crypto";

export interface Certificate {
  /** PEM. It is its own authority. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

/** @param names DNS names and IPv4 addresses it is for */
export function selfSigned(names: readonly string[]): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const ecdsaWithSha256 = der(0x30, oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
  const name = der(0x30, der(0x31, der(0x30, oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from(names[0] ?? "test")))));
  const day = 86_400_000;
  const validity = der(0x30, time(Date.now() - day), time(Date.now() + 30 * day));
  const alternatives = names.map((text) =>
    /^[0-9.]+$/.test(text)
      ? der(0x87, Uint8Array.from(text.split("."), Number))
      : der(0x82, Buffer.from(text, "latin1")),
  );
  const extensions = der(
    0xa3,
    der(
      0x30,
      // subjectAltName; basicConstraints: an authority.
      der(0x30, oid(0x55, 0x1d, 0x11), der(0x04, der(0x30, ...alternatives))),
      der(
        0x30,
        oid(0x55, 0x1d, 0x13),
        der(0x01, Uint8Array.of(0xff)),
        der(0x04, der(0x30, der(0x01, Uint8Array.of(0xff)))),
      ),
    ),
  );
  const body = der(
    0x30,
    der(0xa0, der(0x02, Uint8Array.of(2))),
    der(0x02, Uint8Array.of(1)),
    ecdsaWithSha256,
    name,
    validity,
    name,
    publicKey.export({ type: "spki", format: "der" }),
    extensions,
  );
  const signature = sign("sha256", body, privateKey);
  const whole = der(0x30, body, ecdsaWithSha256, der(0x03, Uint8Array.of(0), signature));
  const base64 = Buffer.from(whole).toString("base64").replace(/.{64}/g, "$&\n").trimEnd();
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Uint8Array.from([...head, ...parts.flatMap((part) => [...part])]);
}

function oid(...bytes: readonly number[]): Uint8Array {
  return der(0x06, Uint8Array.from(bytes));
}

/** UTCTime, as RFC 5280 §4.1.2.5 wants for years before 2050. */
function time(ms: number): Uint8Array {
  const text = `${new Date(ms).toISOString().slice(0, 19).replace(/[-:T]/g, "")}Z`;
  return der(0x17, Buffer.from(text.slice(2)));
}
