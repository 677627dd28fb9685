/**
 * The socket at which a keeper can be asked to hand over.
 *
 * It is made under a name of its own and takes the agreed name when its keeper has a server that serves: by a rename, so that
 * somebody listens at that name at any moment, and who took over from another has it from then on.
 */
import { chmodSync, lstatSync, renameSync, statSync, unlinkSync } from "node:fs";
import { closeFd } from "../../linux/fd.ts";
import { bindUnix, listenUnix, UNIX_PATH_MAX_BYTES } from "../../linux/unix-socket.ts";
import { KeeperError } from "./keeper-error.ts";

export class HandoverSocket {
  readonly fd: number;
  readonly #path: string;
  /** Where it is until `publish`. */
  readonly #aside: string;
  /** By which the file is known again. */
  readonly #inode: number;

  private constructor(fd: number, path: string, aside: string) {
    this.fd = fd;
    this.#path = path;
    this.#aside = aside;
    this.#inode = statSync(aside).ino;
  }

  /** @throws KeeperError with what is wrong with the path */
  static open(path: string): HandoverSocket {
    const aside = `${path}.${process.pid}`;
    if (Buffer.byteLength(aside) > UNIX_PATH_MAX_BYTES) {
      throw unusable(path, "the path is too long", `It may have ${UNIX_PATH_MAX_BYTES - 11} bytes`);
    }
    if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === false) {
      throw unusable(path, "there is a file that is no socket");
    }
    let fd: number | undefined;
    try {
      unlinkIfThere(aside);
      fd = bindUnix(aside);
      // Before it listens: until then nobody can connect.
      chmodSync(aside, 0o600);
      listenUnix(fd);
      return new HandoverSocket(fd, path, aside);
    } catch (cause) {
      if (fd !== undefined) closeFd(fd);
      throw unusable(path, messageOf(cause), "Its folder must exist, and this user must be allowed to write there");
    }
  }

  /** Others find it from now on, and no longer who was found there before. @throws KeeperError */
  publish(): void {
    try {
      renameSync(this.#aside, this.#path);
    } catch (cause) {
      throw unusable(this.#path, messageOf(cause));
    }
  }

  /** Takes the names away that are still its own. */
  close(): void {
    for (const path of [this.#aside, this.#path]) {
      if (lstatSync(path, { throwIfNoEntry: false })?.ino === this.#inode) unlinkIfThere(path);
    }
    closeFd(this.fd);
  }
}

function unusable(path: string, fact: string, hint?: string): KeeperError {
  return new KeeperError(`cannot listen for a hand-over at ${path}: ${fact}`, hint === undefined ? {} : { hint });
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
}
