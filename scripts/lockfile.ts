/** What we need to know of npm's `package-lock.json` (lockfileVersion 3): packages by their folder. */

export interface LockedPackage {
  version?: string;
  integrity?: string;
  cpu?: string[];
  dev?: boolean;
  libc?: string[];
  license?: string;
  optional?: boolean;
  os?: string[];
  resolved?: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

export interface Lockfile {
  packages: Record<string, LockedPackage>;
}

export interface MissingPackage {
  readonly name: string;
  /** What the lock file should say of it. */
  readonly record: LockedPackage;
}

const SYSTEMS = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"];
const LIBCS: Record<string, string> = { gnu: "glibc", musl: "musl", gnueabihf: "glibc", musleabihf: "musl" };

/** `@scope/binding-linux-arm64-musl` is for os linux, cpu arm64, libc musl. */
function platformOf(name: string): Pick<LockedPackage, "cpu" | "os" | "libc"> {
  if (name.endsWith("-wasm32-wasi")) return { cpu: ["wasm32"] };
  const words = name.slice(name.lastIndexOf("/") + 1).split("-");
  const at = words.findIndex((word) => SYSTEMS.includes(word));
  const [os, cpu, abi] = words.slice(at, at + 3);
  if (at < 0 || os === undefined || cpu === undefined) throw new Error(`cannot tell the platform of ${name}`);
  const libc = os === "linux" && abi !== undefined ? LIBCS[abi] : undefined;
  return { cpu: [cpu], os: [os], ...(libc === undefined ? {} : { libc: [libc] }) };
}

/** Folder of the package that `from` gets when it imports `name`, as Node.js looks it up. */
function lookUp(lockfile: Lockfile, from: string, name: string): string | undefined {
  for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf("/node_modules/")))) {
    const folder = base === "" ? `node_modules/${name}` : `${base}/node_modules/${name}`;
    if (folder in lockfile.packages) return folder;
    if (base === "") return undefined;
  }
}

/** Optional packages that a locked package names by exact version and that have no entry of their own. */
export function missingPlatformPackages(lockfile: Lockfile): MissingPackage[] {
  return Object.entries(lockfile.packages).flatMap(([folder, owner]) =>
    Object.entries(owner.optionalDependencies ?? {})
      .filter(([name]) => lookUp(lockfile, folder, name) === undefined)
      .map(([name, version]) => ({
        name,
        record: { version, ...(owner.dev === true ? { dev: true } : {}), optional: true, ...platformOf(name) },
      })),
  );
}
