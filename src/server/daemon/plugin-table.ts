/**
 * Plugins of this build, by directive.
 *
 * Each is loaded when a configuration first names it, so that what is not used costs neither memory nor time at start.
 */
import type { Plugin } from "../chain/plugin.ts";

const LOADERS = {
  acl: async () => (await import("../plugins/acl/acl.ts")).acl,
  any: async () => (await import("../plugins/any/any.ts")).any,
  autopath: async () => (await import("../plugins/autopath/autopath.ts")).autopath,
  bind: async () => (await import("../plugins/bind/bind.ts")).bind,
  bufsize: async () => (await import("../plugins/bufsize/bufsize.ts")).bufsize,
  cache: async () => (await import("../plugins/cache/cache.ts")).cache,
  cancel: async () => (await import("../plugins/cancel/cancel.ts")).cancel,
  chaos: async () => (await import("../plugins/chaos/chaos.ts")).chaos,
  debug: async () => (await import("../plugins/debug/debug.ts")).debug,
  dns64: async () => (await import("../plugins/dns64/dns64.ts")).dns64,
  dnstap: async () => (await import("../plugins/dnstap/dnstap.ts")).dnstap,
  errors: async () => (await import("../plugins/errors/errors.ts")).errors,
  forward: async () => (await import("../plugins/forward/forward.ts")).forward,
  header: async () => (await import("../plugins/header/header.ts")).header,
  health: async () => (await import("../plugins/health/health.ts")).health,
  hosts: async () => (await import("../plugins/hosts/hosts.ts")).hosts,
  kubernetes: async () => (await import("../plugins/kubernetes/kubernetes.ts")).kubernetes,
  loadbalance: async () => (await import("../plugins/loadbalance/loadbalance.ts")).loadbalance,
  local: async () => (await import("../plugins/local/local.ts")).local,
  log: async () => (await import("../plugins/log/log.ts")).log,
  loop: async () => (await import("../plugins/loop/loop.ts")).loop,
  metadata: async () => (await import("../plugins/metadata/metadata.ts")).metadata,
  minimal: async () => (await import("../plugins/minimal/minimal.ts")).minimal,
  multisocket: async () => (await import("../plugins/multisocket/multisocket.ts")).multisocket,
  nsid: async () => (await import("../plugins/nsid/nsid.ts")).nsid,
  pprof: async () => (await import("../plugins/pprof/pprof.ts")).pprof,
  prometheus: async () => (await import("../plugins/prometheus/prometheus.ts")).prometheus,
  ready: async () => (await import("../plugins/ready/ready.ts")).ready,
  reload: async () => (await import("../plugins/reload/reload.ts")).reload,
  rewrite: async () => (await import("../plugins/rewrite/rewrite.ts")).rewrite,
  root: async () => (await import("../plugins/root/root.ts")).root,
  template: async () => (await import("../plugins/template/template.ts")).template,
  timeouts: async () => (await import("../plugins/timeouts/timeouts.ts")).timeouts,
  tls: async () => (await import("../plugins/tls/tls.ts")).tls,
  trace: async () => (await import("../plugins/trace/trace.ts")).trace,
  view: async () => (await import("../plugins/view/view.ts")).view,
  whoami: async () => (await import("../plugins/whoami/whoami.ts")).whoami,
} satisfies Record<string, () => Promise<Plugin>>;

/** Directives that a Corefile may use. */
export const builtDirectives: ReadonlySet<string> = new Set(Object.keys(LOADERS));

/** @returns the plugins of those `directives` that this build has, by directive */
export async function loadPlugins(directives: Iterable<string>): Promise<ReadonlyMap<string, Plugin>> {
  const wanted = new Set(directives);
  const loaders = Object.entries(LOADERS).filter(([directive]) => wanted.has(directive));
  const loaded = await Promise.all(
    loaders.map(async ([directive, load]): Promise<[string, Plugin]> => [directive, await load()]),
  );
  return new Map(loaded);
}
