// Node's fetch: kept connections, bodies of both kinds. Argument: host:port.

import assert from "node:assert/strict";

const base = `http://${process.argv[2]}`;
const body = "x".repeat(100_000);

assert.equal(await (await fetch(`${base}/plaintext`)).text(), "Hello, World!");
assert.deepEqual(await (await fetch(`${base}/json`)).json(), { message: "Hello, World!" });
const numbers = [...Array(200).keys()];
await Promise.all(
  numbers.map(async (number) => {
    const answer = await fetch(`${base}/users/${number}`);
    assert.equal(await answer.text(), `user ${number}\n`);
  }),
);
const echo = await fetch(`${base}/echo`, { method: "POST", body });
assert.equal(await echo.text(), body);
const stream = new ReadableStream({
  start(controller) {
    for (let n = 0; n < 100; n++) controller.enqueue(new TextEncoder().encode("chunk"));
    controller.close();
  },
});
const streamed = await fetch(`${base}/echo`, { method: "POST", body: stream, duplex: "half" });
assert.equal(await streamed.text(), "chunk".repeat(100));
const head = await fetch(`${base}/plaintext`, { method: "HEAD" });
assert.equal(head.headers.get("content-length"), "13");
assert.equal((await fetch(`${base}/nothing`)).status, 404);
