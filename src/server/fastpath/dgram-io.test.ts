import { createSocket } from "node:dgram";
import { once } from "node:events";
import { datagramIoContract } from "../../../test/contract/datagram-io.ts";
import { DgramIo } from "./dgram-io.ts";

datagramIoContract("DgramIo", async () => {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const io = new DgramIo(socket, () => undefined);
  return { io, port: socket.address().port, close: () => socket.close() };
});
