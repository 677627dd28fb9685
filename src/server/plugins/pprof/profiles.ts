/**
 * Profiles of this process, of its main thread, in the formats that Chrome DevTools and speedscope open.
 *
 * One at a time: V8 has one profiler for a thread, and a snapshot takes as much memory again. `node:inspector` is loaded
 * when a profile is asked for.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Session } from "node:inspector";
import { Readable } from "node:stream";

/** Space between samples, microseconds. */
const INTERVAL_US = 1000;
/** One sample of the heap for so many bytes allocated, on average. */
const HEAP_SAMPLE_BYTES = 64 * 1024;

export class Busy extends Error {}

/** Of the thread; shared by all `pprof` directives. */
let profiling = false;

/**
 * Watches the thread for a while.
 *
 * @returns JSON (`.cpuprofile`), all at once when the time is over. Destroying it ends the watching.
 * @throws Busy while another one runs
 */
export function cpuProfile(ms: number): Readable {
  return sampled("Profiler", ms, async (session, wait) => {
    await post(session, "Profiler.enable");
    await post(session, "Profiler.setSamplingInterval", { interval: INTERVAL_US });
    await post(session, "Profiler.start");
    await wait();
    return post(session, "Profiler.stop");
  });
}

/**
 * What the thread allocates meanwhile and does not free.
 *
 * @returns JSON (`.heapprofile`), as `cpuProfile`
 */
export function allocationProfile(ms: number): Readable {
  return sampled("HeapProfiler", ms, async (session, wait) => {
    await post(session, "HeapProfiler.enable");
    await post(session, "HeapProfiler.startSampling", { samplingInterval: HEAP_SAMPLE_BYTES });
    await wait();
    return post(session, "HeapProfiler.stopSampling");
  });
}

/**
 * Everything on the heap (`.heapsnapshot`). The thread stands still while it is made: about a second for 100 MB.
 *
 * @throws Busy
 */
export function heapSnapshot(): Readable {
  begin();
  const stream = process.getBuiltinModule("node:v8").getHeapSnapshot();
  stream.once("close", end);
  return stream;
}

function begin(): void {
  if (profiling) throw new Busy("another profile is being made");
  profiling = true;
}

function end(): void {
  profiling = false;
}

type Posted = { readonly profile?: unknown };

function sampled(
  domain: "Profiler" | "HeapProfiler",
  ms: number,
  watch: (session: Session, wait: () => Promise<void>) => Promise<Posted>,
): Readable {
  begin();
  const { Session: Inspector } = process.getBuiltinModule("node:inspector");
  const session = new Inspector();
  const gone = new AbortController();
  session.connect();
  const run = async (stream: Readable): Promise<void> => {
    try {
      const { profile } = await watch(session, () => sleep(ms, undefined, { signal: gone.signal }));
      stream.push(JSON.stringify(profile));
      stream.push(null);
    } catch (error) {
      stream.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  };
  let running = false;
  return new Readable({
    read() {
      if (!running) void run(this);
      running = true;
    },
    destroy(error, done) {
      gone.abort();
      // Disconnecting ends what the session has started in its domains.
      session.post(`${domain}.disable`);
      session.disconnect();
      end();
      done(error);
    },
  });
}

function post(session: Session, method: string, parameters: object = {}): Promise<Posted> {
  return new Promise((resolve, reject) => {
    session.post(method, parameters, (error: Error | null, result?: object) => {
      if (error === null) resolve(result ?? {});
      else reject(error);
    });
  });
}
