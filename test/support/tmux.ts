/** A terminal for programs that want one: a tmux server of its own, with one window. */
import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

export class Tmux {
  readonly #name: string;

  /** Runs a shell command in a window of this size. */
  constructor(command: string, columns: number, rows: number) {
    this.#name = `nodens-${process.pid}-${Math.random().toString(36).slice(2)}`;
    // The window stays when the command has ended, so that what it left can be seen.
    this.#run(
      "-f",
      "/dev/null",
      "new-session",
      "-d",
      "-x",
      String(columns),
      "-y",
      String(rows),
      `${command}; sleep 60`,
    );
  }

  send(...keys: readonly string[]): void {
    this.#run("send-keys", ...keys);
  }

  resize(columns: number, rows: number): void {
    this.#run("resize-window", "-x", String(columns), "-y", String(rows));
  }

  screen(): string {
    return this.#run("capture-pane", "-p");
  }

  /** @throws Error with the screen when it does not come */
  async until(pattern: RegExp, timeoutMs = 15_000): Promise<string> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const screen = this.screen();
      if (pattern.test(screen)) return screen;
      if (performance.now() > deadline) throw new Error(`no ${pattern.source} on\n${screen}`);
      await sleep(50);
    }
  }

  end(): void {
    this.#run("kill-server");
  }

  #run(...args: readonly string[]): string {
    return spawnSync("tmux", ["-L", this.#name, ...args], {
      encoding: "utf8",
      env: { ...process.env, TERM: "xterm-256color", LANG: "C.UTF-8", LC_ALL: "C.UTF-8" },
    }).stdout;
  }
}
