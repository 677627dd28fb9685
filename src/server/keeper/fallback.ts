/**
 * Who answers for the node while nobody does here: endpoints of the cluster DNS, from whoever knows them best. What a server
 * has learnt from the Kubernetes API comes before what a file says, and that before the command line.
 */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { FolderWatch } from "../../base/folder-watch.ts";
import type { Log } from "../../base/log.ts";
import { endpointOf, ENDPOINTS_MAX } from "./endpoint.ts";

export interface FallbackSources {
  /** Of the command line. */
  readonly listed: readonly string[];
  /** Endpoints, separated by white space or commas; `#` begins a comment. */
  readonly file?: string | undefined;
  readonly log: Log;
  /** Called when others are in force. */
  readonly onChange: (endpoints: readonly string[]) => void;
}

export class Fallback {
  readonly #sources: FallbackSources;
  #watch: FolderWatch | undefined;
  /** Undefined: no server has said anything. */
  #told: readonly string[] | undefined;
  #filed: readonly string[];
  /** As it was read last. */
  #text: string | undefined;
  #current: string;

  constructor(sources: FallbackSources) {
    this.#sources = sources;
    this.#watch = undefined;
    this.#told = undefined;
    this.#filed = [];
    this.#text = undefined;
    this.#read();
    this.#current = this.endpoints.join();
  }

  get endpoints(): readonly string[] {
    return [this.#told, this.#filed].find((some) => some !== undefined && some.length > 0) ?? this.#sources.listed;
  }

  /** From now on changes are told. */
  begin(): void {
    const { file } = this.#sources;
    if (file === undefined) return;
    this.#watch = new FolderWatch([dirname(file)], () => {
      this.#read();
      this.#tell();
    });
  }

  close(): void {
    this.#watch?.close();
  }

  /** A server knows. */
  tell(endpoints: readonly string[]): void {
    this.#told = endpoints;
    this.#tell();
  }

  #tell(): void {
    const { endpoints } = this;
    if (endpoints.join() === this.#current) return;
    this.#current = endpoints.join();
    this.#sources.onChange(endpoints);
  }

  #read(): void {
    const { file, log } = this.#sources;
    if (file === undefined) return;
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch (error) {
      text = "";
      const reason = error instanceof Error ? (error.message.split(", ", 1)[0] ?? "") : String(error);
      if (this.#text !== "") log.warning(`cannot read the fallback file ${file}: ${reason}`);
    }
    if (text === this.#text) return;
    this.#text = text;
    const words = text.replaceAll(/#.*/g, "").split(/[\s,]+/);
    const endpoints = words.filter((word) => word !== "").map((word) => [word, endpointOf(word)] as const);
    const [bad] = endpoints.find(([, endpoint]) => endpoint === undefined) ?? [];
    if (bad !== undefined) log.warning(`${file}: not an endpoint: ${JSON.stringify(bad.slice(0, 100))}`);
    this.#filed = endpoints.flatMap(([, endpoint]) => endpoint ?? []).slice(0, ENDPOINTS_MAX);
  }
}
