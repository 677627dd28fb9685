/** Listening sockets of HTTP that outlive the process: its keeper answers on them while there is no server. */
export interface HttpSockets {
  /**
   * A socket that listens.
   *
   * @param address IP address; `::` for all
   * @param port not 0
   * @returns a descriptor, the caller's from now on
   * @throws BindError
   */
  open(address: string, port: number): Promise<number>;
  /** The caller has closed it. */
  closed(fd: number): void;
}
