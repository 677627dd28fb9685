/** The one import of the package; `npm run build` makes a file of its own of this module, package included. */
export { KubeConfig } from "@kubernetes/client-node/dist/config.js";
