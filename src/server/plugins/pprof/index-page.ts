/** The page that lists what there is. */
import type { HttpReply } from "../../web/http-listener.ts";

/** @param root path of the page */
export function indexPage(root: string, measuresBlocking: boolean): HttpReply {
  const rows = [
    ["profile?seconds=30", "CPU profile of the main thread (.cpuprofile)"],
    ["allocs?seconds=30", "what it allocates meanwhile and keeps (.heapprofile)"],
    ["heap", "everything on its heap (.heapsnapshot); the server stands still while it is made"],
    ...(measuresBlocking ? [["block", "how long the event loop was held up"]] : []),
    ["cmdline", "command line of the process"],
  ];
  const items = rows.map(([path, what]) => `<tr><td><a href="${root}/${path}">${path}</a></td><td>${what}</td></tr>`);
  return {
    status: 200,
    contentType: "text/html; charset=utf-8",
    body: `<!doctype html>
<title>${root}/</title>
<style>body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem } td { padding-right: 2rem }</style>
<h1>Profiles</h1>
<table>
${items.join("\n")}
</table>
<p>Open the files in Chrome DevTools (Performance, Memory) or in speedscope.</p>
`,
  };
}
