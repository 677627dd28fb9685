/**
 * A lock between processes that want to change `node_modules` of one checkout.
 *
 * It is a folder (made by one process only, on every file system) with the owner's pid in it. The owner touches it
 * every few seconds; a lock whose owner is gone, or that nobody has touched for `STALE_MS`, is broken by the next one.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const TOUCH_MS = 5_000;
export const STALE_MS = 30_000;
const POLL_MS = 200;

function ownerOf(lock) {
  try {
    return Number(readFileSync(join(lock, "pid"), "utf8"));
  } catch {
    return 0;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

function isStale(lock) {
  try {
    const untouchedMs = Date.now() - statSync(lock).mtimeMs;
    const pid = ownerOf(lock);
    return untouchedMs > STALE_MS || (pid > 0 && !isAlive(pid));
  } catch {
    return false; // released meanwhile
  }
}

/** Takes a stale lock away. Two may try at once: who finds that it moved a living lock puts it back. */
function breakLock(lock) {
  const grave = `${lock}.${process.pid}`;
  try {
    renameSync(lock, grave);
    if (isStale(grave)) rmSync(grave, { recursive: true, force: true });
    else renameSync(grave, lock);
  } catch {
    // Another process was faster.
  }
}

function tryAcquire(lock) {
  try {
    mkdirSync(lock);
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
  writeFileSync(join(lock, "pid"), String(process.pid));
  return true;
}

/**
 * Waits until this process owns the lock.
 *
 * @param {string} lock path of the folder
 * @param {(pid: number) => void} onWait called once when another process has it
 * @returns {Promise<() => void>} gives the lock back
 */
export async function acquireInstallLock(lock, onWait) {
  let told = false;
  while (!tryAcquire(lock)) {
    if (isStale(lock)) {
      breakLock(lock);
      continue;
    }
    if (!told) onWait(ownerOf(lock));
    told = true;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const touch = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(lock, now, now);
    } catch {
      // Somebody removed it by hand.
    }
  }, TOUCH_MS);
  touch.unref();
  return () => {
    clearInterval(touch);
    rmSync(lock, { recursive: true, force: true });
  };
}
