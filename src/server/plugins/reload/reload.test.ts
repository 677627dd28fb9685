import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { directivesOf, fakeContext, setUp, type FakeContext } from "../../../../test/support/setup-context.ts";
import { MemoryLog } from "../../../base/log.ts";
import { Metrics } from "../../metrics/metrics.ts";
import { ConfigurationWatch } from "./configuration-watch.ts";
import { jittered, readSettings, reload } from "./reload.ts";

function settings(line: string): { readonly intervalMs: number; readonly jitterMs: number } {
  const [directive] = directivesOf(`. {\n ${line}\n}`, "reload");
  assert.ok(directive);
  return readSettings(directive);
}

/** Watches of one process; `hash` is what the configuration on disk has. */
class Disk {
  hash: string | Error = "one";
  reads = 0;
  readonly metrics = Metrics.create({ threads: 1 });
  readonly log = new MemoryLog();
  reloads = 0;
  /** What happens on a reload. */
  onReload: () => Promise<string | undefined> = () => Promise.resolve(undefined);

  watch(configurationHash = "one", intervalMs = 1e6): ConfigurationWatch {
    const overrides: Partial<FakeContext> = {
      metrics: this.metrics,
      log: this.log,
      configurationHash,
      currentHash: async () => {
        this.reads++;
        if (this.hash instanceof Error) throw this.hash;
        return this.hash;
      },
      requestReload: () => {
        this.reloads++;
        return this.onReload();
      },
    };
    return new ConfigurationWatch(fakeContext(overrides), intervalMs);
  }

  /** Hashes in `coredns_reload_version_info`. */
  info(): (string | undefined)[] {
    const { samples } = this.metrics.info("coredns_reload_version_info").family();
    assert.ok(samples.every(({ labels, value }) => labels["hash"] === "sha512" && value === 1));
    return samples.map(({ labels }) => labels["value"]);
  }
}

describe("reload", () => {
  it("has CoreDNS's defaults and limits", () => {
    assert.deepEqual(settings("reload"), { intervalMs: 30_000, jitterMs: 15_000 });
    assert.deepEqual(settings("reload 10s"), { intervalMs: 10_000, jitterMs: 5_000 });
    assert.deepEqual(settings("reload 2s 1s"), { intervalMs: 2_000, jitterMs: 1_000 });
    assert.deepEqual(settings("reload 1m 0s"), { intervalMs: 60_000, jitterMs: 0 });
    assert.deepEqual(settings("reload 4s 1h"), { intervalMs: 4_000, jitterMs: 2_000 });
  });

  it("says where the Corefile is wrong", () => {
    const wrong: readonly (readonly [string, RegExp])[] = [
      ["reload 1s", /^Corefile:2:9: interval value must be greater or equal to 2s$/],
      ["reload 10s 1ms", /^Corefile:2:13: jitter value must be 0 or greater or equal to 1s$/],
      ["reload 10", /^Corefile:2:9: time: missing unit in duration "10"$/],
      ["reload -10s", /^Corefile:2:9: duration -10s is below 0s$/],
      ["reload 10s 5s 1s", /^Corefile:2:16: Wrong argument count/],
      ["reload {\n jitter 1s\n }", /^Corefile:3:2: unknown property 'jitter'$/],
    ];
    for (const [line, message] of wrong) assert.throws(() => settings(line), { code: "NODENS_CONFIG", message }, line);
  });

  it("spreads the interval by at most half the jitter to each side", () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 2_000, max: 1e9 }), fc.nat(1e9), random, (intervalMs, asked, chance) => {
        const jitterMs = Math.min(asked, intervalMs / 2);
        const spread = jittered(intervalMs, jitterMs, chance);
        assert.ok(spread >= intervalMs - jitterMs / 2 && spread <= intervalMs + jitterMs / 2);
        assert.ok(jitterMs > 0 || spread === intervalMs);
      }),
    );
  });

  it("logs and shows the configuration that runs, once however many blocks watch it", async () => {
    const disk = new Disk();
    const [a, b] = [disk.watch(), disk.watch()];
    await a.start();
    await b.start();
    assert.deepEqual(disk.log.lines, ["[INFO] plugin/reload: Running configuration SHA512 = one"]);
    assert.deepEqual(disk.info(), ["one"]);
    await a.stop();
    assert.deepEqual(disk.info(), ["one"]);
    await b.stop();
    assert.deepEqual(disk.info(), []);
  });

  it("asks for a reload when the hash changed, and not before", async () => {
    const disk = new Disk();
    const watch = disk.watch();
    await watch.start();
    await watch.check();
    assert.equal(disk.reloads, 0);
    disk.hash = "two";
    await watch.check();
    assert.equal(disk.reloads, 1);
    await watch.stop();
  });

  it("does not try a configuration that failed again until it changes, back too", async () => {
    const disk = new Disk();
    const watch = disk.watch();
    await watch.start();
    disk.hash = "broken";
    await watch.check();
    await watch.check();
    assert.equal(disk.reloads, 1);
    assert.deepEqual(disk.info(), ["one"]);
    disk.hash = "one";
    await watch.check();
    assert.equal(disk.reloads, 2);
    await watch.stop();
  });

  it("warns about a Corefile that cannot be read, and goes on", async () => {
    const disk = new Disk();
    const watch = disk.watch();
    await watch.start();
    disk.hash = new Error("Corefile:3:1: unknown directive 'chache'");
    await watch.check();
    const warning = "[WARNING] plugin/reload: Corefile parse failed: Corefile:3:1: unknown directive 'chache'";
    assert.equal(disk.log.lines.at(-1), warning);
    disk.hash = "two";
    await watch.check();
    assert.equal(disk.reloads, 1);
    await watch.stop();
  });

  it("hands over to the new configuration's watch", async () => {
    const disk = new Disk();
    const old = disk.watch("one");
    await old.start();
    let next: ConfigurationWatch | undefined;
    disk.onReload = async () => {
      next = disk.watch("two");
      await next.start();
      await old.stop();
    };
    disk.hash = "two";
    await old.check();
    assert.deepEqual(disk.info(), ["two"]);
    assert.equal(disk.log.lines.at(-1), "[INFO] plugin/reload: Running configuration SHA512 = two");
    disk.hash = "three";
    await old.check();
    assert.equal(disk.reloads, 1);
    await next?.stop();
  });

  it("stands by while a newer watch is active, and goes on when that one ends", async () => {
    const disk = new Disk();
    const old = disk.watch("one", 2);
    const next = disk.watch("two", 1e6);
    await old.start();
    await next.start();
    disk.hash = "three";
    await old.check();
    const readsBefore = disk.reads;
    await new Promise((resolve) => setTimeout(resolve, 12));
    assert.equal(disk.reads, readsBefore);
    assert.equal(disk.reloads, 0);
    await next.stop();
    const reloaded = new Promise<void>((resolve) => {
      disk.onReload = () => {
        resolve();
        return Promise.resolve(undefined);
      };
    });
    // The watch's own timer does not keep a process alive.
    const alive = setInterval(() => {}, 1000);
    await reloaded;
    clearInterval(alive);
    assert.equal(disk.reloads, 1);
    await old.stop();
  });

  it("looks at its interval, and never again once stopped", async () => {
    const disk = new Disk();
    const watch = disk.watch("one", 2);
    await watch.start();
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.ok(disk.reads >= 2, `${disk.reads}`);
    await watch.stop();
    const { reads } = disk;
    await new Promise((resolve) => setTimeout(resolve, 12));
    assert.equal(disk.reads, reads);
  });

  it("is set up from a Corefile", async () => {
    const { instance } = setUp(reload, ". {\n reload 2s 0s\n}", { metrics: Metrics.create({ threads: 1 }) });
    await instance.start?.();
    await instance.stop?.("shutdown");
  });
});
