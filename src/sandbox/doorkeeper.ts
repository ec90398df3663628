/**
 * Listens on loopback of the network namespace that it was started in, hands the socket over to Whetstone, which lies
 * outside of that namespace, and stays until Whetstone holds the namespace too. It reads and answers nothing itself.
 *
 * Started as `node doorkeeper.ts PORT`, with an IPC channel.
 */
import { createServer } from "node:net";

const server = createServer();
server.listen(Number(process.argv[2]), "127.0.0.1", () => {
  process.send?.("socket", server, {}, () => {
    // A connection that this process took would never be answered: it says that it has let go.
    server.close(() => process.send?.(process.pid));
  });
});
process.once("disconnect", () => process.exit());
