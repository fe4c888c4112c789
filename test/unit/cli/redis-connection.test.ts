import { createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { openConnection, RedisUnavailable } from "../../../src/cli/redis/connection.ts";
import { listenOnLoopback } from "../../support/loopback.ts";

/** A server that receives commands of Redis, and answers each with OK once it is told to. */
async function startSilentRedis() {
  const sockets = new Set<Socket>();
  let received = "";
  let unanswered = 0;
  let isSilent = true;
  const answer = (socket: Socket) => {
    if (isSilent) return;
    socket.write("+OK\r\n".repeat(unanswered));
    unanswered = 0;
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("data", (data) => {
      received += data;
      unanswered += String(data).match(/^\*\d+\r$/gm)?.length ?? 0;
      answer(socket);
    });
  });
  const url = new URL(await listenOnLoopback(server));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    url: `redis://${url.host}`,
    received: () => received,
    speak() {
      isSilent = false;
      for (const socket of sockets) answer(socket);
    },
  };
}

test("a command whose caller has given up is not sent when Redis becomes ready", async () => {
  const redis = await startSilentRedis();
  const connection = openConnection(redis.url);
  onTestFinished(() => connection.close());
  await expect(connection.run([["SET", "late", "1"]])).rejects.toThrow(RedisUnavailable);
  redis.speak();
  expect(await connection.run([["GET", "in-time"]])).toEqual(["OK"]);
  expect(redis.received()).toContain("in-time");
  expect(redis.received()).not.toContain("late");
});
