import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { selfSigned } from "../../../../test/support/certificate.ts";
import { CertificateError, CertificateFiles } from "./certificate-files.ts";

const folder = mkdtempSync(join(tmpdir(), "nodens-certificate-"));
after(() => rmSync(folder, { recursive: true }));
const one = selfSigned(["one.example"]);
const two = selfSigned(["two.example"]);

let count = 0;
function files(
  cert: string,
  key: string,
  ca?: string,
): { paths: Record<"cert" | "key" | "ca", string>; open: () => CertificateFiles } {
  const name = (what: string): string => join(folder, `${what}-${count}.pem`);
  count++;
  const paths = { cert: name("cert"), key: name("key"), ca: name("ca") };
  writeFileSync(paths.cert, cert);
  writeFileSync(paths.key, key);
  if (ca !== undefined) writeFileSync(paths.ca, ca);
  const wanted = { ...paths, ca: ca === undefined ? undefined : paths.ca, clientAuth: "nocert" as const };
  return { paths, open: () => new CertificateFiles(wanted) };
}

const fault =
  (file: string, message: RegExp) =>
  (error: unknown): boolean =>
    error instanceof CertificateError && error.file === file && message.test(error.message);

describe("certificate files", () => {
  it("are read and stay the same object while nothing changes", () => {
    const open = files(one.cert, one.key, two.cert).open();
    const { current } = open;
    assert.deepEqual(current, { cert: one.cert, key: one.key, ca: two.cert, clientAuth: "nocert" });
    assert.equal(open.refresh(), false);
    assert.equal(open.current, current);
  });

  it("are read again when they change, and not used before they fit together", () => {
    const { paths, open } = files(one.cert, one.key);
    const certificate = open();
    writeFileSync(paths.cert, `${two.cert}\n`);
    assert.throws(() => certificate.refresh(), fault("pair", /could not load TLS cert: .*mismatch/));
    assert.equal(certificate.current.cert, one.cert);
    assert.equal(certificate.refresh(), false, "one error for one change");
    writeFileSync(paths.key, `${two.key}\n`);
    assert.equal(certificate.refresh(), true);
    assert.equal(certificate.current.cert, `${two.cert}\n`);
  });

  it("that vanish are an error once, and are used when they come back", () => {
    const { paths, open } = files(one.cert, one.key);
    const certificate = open();
    rmSync(paths.key);
    assert.throws(() => certificate.refresh(), fault("key", /ENOENT/));
    assert.equal(certificate.refresh(), false);
    writeFileSync(paths.key, one.key);
    assert.equal(certificate.refresh(), false, "the same as before");
    assert.equal(certificate.current.key, one.key);
  });

  it("tell which of them is at fault", () => {
    assert.throws(files("nothing", one.key).open, fault("cert", /^no certificate in .*cert-/));
    assert.throws(files(one.cert, "nothing").open, fault("pair", /^could not load TLS cert/));
    assert.throws(files(one.cert, two.key).open, fault("pair", /mismatch/));
    assert.throws(files(one.cert, one.key, "nothing").open, fault("ca", /^no certificate in .*ca-/));
  });
});
