/** `nodens top` as it runs: asks, shows, and does what keys say. */
import type { ReadStream } from "node:tty";
import { describeError } from "../base/errors.ts";
import type { AdminSnapshot } from "../server/daemon/admin-snapshot.ts";
import { NAMES_IN_ALL_MAX } from "../server/daemon/admin-wish.ts";
import { type AdminClient, AdminClientError, type SnapshotWish } from "./admin-client.ts";
import { type Figures, figuresOf } from "./figures.ts";
import { plainText } from "./plain.ts";
import { screenOf } from "./screen.ts";
import { Terminal, type TerminalOutput } from "./terminal.ts";
import { press, type Shown, type ViewState } from "./view-state.ts";

export interface PlainOptions {
  readonly client: AdminClient;
  readonly intervalMs: number;
  readonly once: boolean;
  /** A snapshot a line in place of text. */
  readonly json: boolean;
  readonly state: ViewState;
  /** Longest lists. */
  readonly rows: number;
  /** @returns false when nobody reads any more */
  readonly write: (text: string) => Promise<boolean>;
  readonly stopped: AbortSignal;
}

/** Names of a client that was chosen. */
const NAMES_OF_ONE = 25;
/** Of each client in JSON, as far as the API allows. */
const JSON_NAMES_EACH = 10;
/** Lines that can be scrolled through. */
const LIST_ROWS = 200;

/** What the state needs of the API. */
function wishOf(state: ViewState, rows: number): SnapshotWish {
  return {
    limit: rows,
    namesEach: state.of === undefined ? 0 : NAMES_OF_ONE,
    clientOrder: state.order.clients,
    nameOrder: state.order.names,
    client: state.filter.clients,
    name: state.filter.names,
  };
}

/** Text or JSON every interval, or once. @throws AdminClientError */
export async function runPlain(options: PlainOptions): Promise<void> {
  const { client, intervalMs, once, json, state, rows, write, stopped } = options;
  const wish = {
    ...wishOf(state, rows),
    namesEach: json ? Math.min(JSON_NAMES_EACH, Math.floor(NAMES_IN_ALL_MAX / rows)) : 0,
  };
  // Figures are differences: the first snapshot alone tells none.
  let before = await client.snapshot(wish);
  for (;;) {
    await sleep(intervalMs, stopped);
    if (stopped.aborted) return;
    const now = await client.snapshot(wish);
    const text = json ? `${JSON.stringify(now)}\n` : `${plainText(figuresOf(before, now), state)}${once ? "" : "\n"}`;
    if (!(await write(text)) || once) return;
    before = now;
  }
}

/** On a terminal, until the person leaves. @throws AdminClientError when there is nobody at the start */
export async function runScreen(
  client: AdminClient,
  input: ReadStream,
  output: TerminalOutput,
  first: ViewState,
  look: { readonly styled: boolean; readonly ascii: boolean },
  stopped: AbortSignal,
): Promise<void> {
  await new TopScreen(client, input, output, first, look, stopped).run();
}

class TopScreen {
  readonly #client: AdminClient;
  readonly #terminal: Terminal;
  readonly #ascii: boolean;
  readonly #stopped: AbortSignal;
  #state: ViewState;
  #before: AdminSnapshot | undefined;
  #figures: Figures | undefined;
  #shown: Shown;
  #trouble: string | undefined;
  #left: boolean;
  /** Ends the wait between two looks. */
  #wake: (() => void) | undefined;

  constructor(
    client: AdminClient,
    input: ReadStream,
    output: TerminalOutput,
    first: ViewState,
    look: { readonly styled: boolean; readonly ascii: boolean },
    stopped: AbortSignal,
  ) {
    this.#client = client;
    this.#ascii = look.ascii;
    this.#stopped = stopped;
    this.#state = first;
    this.#before = undefined;
    this.#figures = undefined;
    this.#shown = { length: { clients: 0, names: 0 }, page: 1, client: undefined };
    this.#trouble = undefined;
    this.#left = false;
    this.#wake = undefined;
    this.#terminal = new Terminal(input, output, look.styled, {
      key: (key) => this.#press(key),
      redraw: () => this.#draw(),
    });
  }

  async run(): Promise<void> {
    // Before the terminal is touched: nobody there is one line and the end.
    this.#take(await this.#client.snapshot(wishOf(this.#state, LIST_ROWS)));
    const leave = (): void => this.#wake?.();
    this.#stopped.addEventListener("abort", leave);
    this.#terminal.open();
    try {
      this.#draw();
      // The second look comes soon: figures are differences.
      let waitMs = Math.min(500, this.#state.intervalMs);
      for (;;) {
        await this.#wait(waitMs);
        if (this.#left || this.#stopped.aborted) return;
        await this.#look();
        if (this.#left || this.#stopped.aborted) return;
        this.#draw();
        waitMs = this.#state.intervalMs;
      }
    } finally {
      this.#terminal.close();
      this.#stopped.removeEventListener("abort", leave);
    }
  }

  async #look(): Promise<void> {
    if (this.#state.paused) return;
    try {
      this.#take(await this.#client.snapshot(wishOf(this.#state, LIST_ROWS)));
      this.#trouble = undefined;
    } catch (error) {
      if (!(error instanceof AdminClientError)) throw error;
      // It may be on its way up again.
      this.#trouble = `asking again: ${describeError(error)}`;
    }
  }

  #take(now: AdminSnapshot): void {
    // Keys bring looks of their own, whose differences would jump about.
    const recent = this.#before !== undefined && now.atMs - this.#before.atMs < this.#state.intervalMs * 0.8;
    if (recent && this.#figures !== undefined) {
      this.#figures = { ...this.#figures, now };
      return;
    }
    this.#figures = figuresOf(this.#before, now);
    this.#before = now;
  }

  #press(key: string): void {
    const next = press(this.#state, key, this.#shown);
    if (next === undefined) {
      this.#left = true;
      this.#wake?.();
      return;
    }
    const asksAnew =
      next.order !== this.#state.order ||
      next.filter !== this.#state.filter ||
      next.of !== this.#state.of ||
      next.intervalMs !== this.#state.intervalMs ||
      next.paused !== this.#state.paused;
    this.#state = next;
    this.#draw();
    if (asksAnew) this.#wake?.();
  }

  #draw(): void {
    if (this.#figures === undefined || this.#left) return;
    const { lines, shown } = screenOf(this.#figures, this.#state, this.#terminal.size, this.#ascii, this.#trouble);
    this.#shown = shown;
    this.#terminal.draw(lines);
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#wake = done;
    });
  }
}

/** Ends early when it is stopped. Never rejects. */
function sleep(ms: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stopped.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      stopped.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    stopped.addEventListener("abort", done);
  });
}
