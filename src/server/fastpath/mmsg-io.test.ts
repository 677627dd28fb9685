import { describe } from "node:test";
import { datagramIoContract } from "../../../test/contract/datagram-io.ts";
import { withoutFfi } from "../../../test/support/ffi.ts";
import { DatagramBatch } from "../../linux/datagram-batch.ts";
import { openListener } from "../../linux/udp-socket.ts";
import { MmsgIo } from "./mmsg-io.ts";

describe("with FFI", { skip: withoutFfi }, () => {
  for (const segmentation of [true, false]) {
    datagramIoContract(`MmsgIo ${segmentation ? "with" : "without"} segmentation`, () => {
      const socket = openListener("127.0.0.1", 0);
      const batch = new DatagramBatch(segmentation);
      return Promise.resolve({
        io: new MmsgIo(batch, socket.fd, false, 1),
        port: socket.port,
        close: () => {
          socket.close();
          batch.close();
        },
      });
    });
  }

  datagramIoContract("MmsgIo on a wildcard socket", () => {
    const socket = openListener("0.0.0.0", 0);
    const batch = new DatagramBatch(true);
    return Promise.resolve({
      io: new MmsgIo(batch, socket.fd, true, 1),
      port: socket.port,
      close: () => {
        socket.close();
        batch.close();
      },
    });
  });
});
