// How it stands, and with --follow what happens: node examples/node/status.mjs [--follow] [DIR]
//
// DIR is the folder that the sockets lie in; left out, it is that of the default home.

import { join } from "node:path";
import { openCalls, openEvents } from "./walletsync.mjs";

const follow = process.argv.includes("--follow");
const [given] = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const runtime = process.env.XDG_RUNTIME_DIR ?? `/run/user/${process.getuid()}`;
const folder = given ?? join(runtime, "walletsync");

// Messages quote what others have said: nothing in them is to be obeyed by the terminal.
const shown = (text) => String(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\uFFFD");

function fail(error) {
  const absent = error.code === "ENOENT" || error.code === "ECONNREFUSED";
  console.error(absent ? "walletsync is not running" : shown(error.message));
  process.exitCode = 3;
}

let calls, events;
try {
  if (follow) {
    const onEvent = (event) => console.log(`${event.at} ${event.event} ${shown(JSON.stringify(event.data))}`);
    events = await openEvents(join(folder, "events.ipc"), onEvent, fail);
  }
  calls = await openCalls(join(folder, "control.ipc"));
  const status = await calls.call("status");
  console.log(`${status.wallet.shown_as}: database ${status.wallet.state}`);
  for (const server of status.servers) {
    console.log(`${server.url}: ${server.state}, last success ${server.last_success ?? "never"}`);
  }
} catch (error) {
  fail(error);
  events?.close();
} finally {
  calls?.close();
}
