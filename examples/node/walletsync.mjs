// A frontend's end of the sockets in plain JavaScript, without dependencies: nng's wire format on a Unix socket.
//
// Each side begins with eight bytes that name its protocol. A message is the byte 1, its length in eight bytes, and
// its body. The body of a request begins with a number of four bytes whose highest bit is set; its answer with the same.
// docs/ipc.md is the specification.

import { randomBytes } from "node:crypto";
import { createConnection } from "node:net";

const REQ = 0x30;
const SUB = 0x21;
const HEAD_BYTES = 9;
const MAX_MESSAGE_BYTES = 1 << 20;

/** Connect, shake hands, and give each message that comes to `onMessage`. Resolves with a function that sends one. */
function connect(path, protocol, onMessage, onEnd) {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    let received = Buffer.alloc(0);
    let greeted = false;
    let ended = false;
    const end = (error) => {
      if (!ended) onEnd(error);
      ended = true;
    };
    const send = (body) => {
      const head = Buffer.alloc(HEAD_BYTES);
      head[0] = 1;
      head.writeBigUInt64BE(BigInt(body.length), 1);
      socket.write(Buffer.concat([head, body]));
    };
    const take = () => {
      if (!greeted && received.length >= 8) {
        received = received.subarray(8);
        greeted = true;
        const close = () => {
          ended = true;
          socket.destroy();
        };
        resolve({ send, close });
      }
      while (greeted && received.length >= HEAD_BYTES) {
        const length = Number(received.readBigUInt64BE(1));
        if (received[0] !== 1 || length > MAX_MESSAGE_BYTES + 4) {
          socket.destroy(new Error("this is no walletsync daemon"));
          return;
        }
        if (received.length < HEAD_BYTES + length) return;
        const body = received.subarray(HEAD_BYTES, HEAD_BYTES + length);
        received = received.subarray(HEAD_BYTES + length);
        onMessage(body);
      }
    };
    socket.on("connect", () => socket.write(Buffer.from([0, 0x53, 0x50, 0, 0, protocol, 0, 0])));
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      take();
    });
    socket.on("error", (error) => {
      reject(error);
      end(error);
    });
    socket.on("close", () => end(new Error("the connection to the daemon ended")));
  });
}

/** Calls to the daemon. At most four at once on one connection; further ones are refused as busy. */
export async function openCalls(path) {
  const waitingByNumber = new Map();
  let lastNumber = 0;
  const onMessage = (body) => {
    const waiting = waitingByNumber.get(body.readUInt32BE(0));
    waitingByNumber.delete(body.readUInt32BE(0));
    const reply = JSON.parse(body.subarray(4).toString("utf8"));
    if (!waiting) return;
    if (reply.error) waiting.reject(Object.assign(new Error(reply.error.message), { code: reply.error.code }));
    else waiting.resolve(reply.result);
  };
  const onEnd = (error) => {
    for (const waiting of waitingByNumber.values()) waiting.reject(error);
    waitingByNumber.clear();
  };
  const connection = await connect(path, REQ, onMessage, onEnd);
  return {
    /** Call a method, and return its result. Rejects with the daemon's message, and its code. */
    call(method, params = {}) {
      lastNumber = (lastNumber + 1) & 0x7fffffff;
      const number = Buffer.alloc(4);
      number.writeUInt32BE((0x80000000 | lastNumber) >>> 0);
      const request = { jsonrpc: "2.0", id: randomBytes(16).toString("hex"), method, params, api: 1 };
      return new Promise((resolve, reject) => {
        waitingByNumber.set(number.readUInt32BE(0), { resolve, reject });
        connection.send(Buffer.concat([number, Buffer.from(JSON.stringify(request))]));
      });
    },
    close: connection.close,
  };
}

/** Give each event to `onEvent`. Resolves when the subscription stands: from there on nothing is missed silently. */
export async function openEvents(path, onEvent, onEnd = () => {}) {
  let standing;
  const stands = new Promise((resolve, reject) => {
    standing = { resolve, reject };
  });
  const onMessage = (body) => {
    const message = JSON.parse(body.toString("utf8"));
    standing.resolve(); // the first message is a position, or an event
    if (message.event !== undefined) onEvent(message);
  };
  const connection = await connect(path, SUB, onMessage, (error) => {
    standing.reject(error);
    onEnd(error);
  });
  await stands;
  return { close: connection.close };
}
