// Events in, answers out, with ioredis.
//
//     npm ci
//     node ioredis.mjs
//
// REDIS_HOST and REDIS_PORT name the server; with REDIS_CLUSTER=1 it is a node of a cluster.

import Redis, { Command } from "ioredis";

const { REDIS_HOST: host = "127.0.0.1", REDIS_PORT: port = 6379, REDIS_CLUSTER } = process.env;
// Maps come as objects and numbers as numbers.
const options = { protocol: 3, replyMapping: "resp3" };
const client = REDIS_CLUSTER
  ? new Redis.Cluster([{ host, port }], { redisOptions: options })
  : new Redis({ host, port, ...options });

// ioredis does not ask the server where a command's key is: this tells it, so that in a cluster the
// command goes to the right node at once. Without a cluster, client.call("ANALYTICS.TRACK", ...) does.
class SiteCommand extends Command {
  constructor(name, ...args) {
    super(name, args, { replyEncoding: "utf8" });
  }
  getKeys() {
    return [this.args[0]];
  }
}
const ask = (...words) => client.sendCommand(new SiteCommand(...words));

const site = "example:ioredis";
const order = "DIM country FR VAL revenue 59.9 VAL latency 132 ID order-1001".split(" ");
const events = [
  ["view", "ann", "DIM", "country", "FR", "DIM", "page", "/shoes"],
  ["view", "bob", "DIM", "country", "DE", "DIM", "page", "/hats"],
  ["view", "cleo", "DIM", "country", "FR", "DIM", "page", "/hats"],
  ["purchase", "ann", ...order],
  ["purchase", "ann", ...order], // sent twice by mistake: its ID counts once
];

// One round trip for all of them.
const pipeline = client.pipeline();
for (const event of events) pipeline.sendCommand(new SiteCommand("ANALYTICS.TRACK", site, ...event));
const replies = await pipeline.exec();
for (const [error] of replies) if (error) throw error;
const counted = replies.reduce((sum, [, reply]) => sum + reply, 0);
console.log(`counted ${counted} of ${events.length} events`);

console.log(`${await ask("ANALYTICS.UNIQUE", site, "24h")} users in the last 24 hours`);

const metrics = ["events", "revenue:sum", "latency:p95"];
const [count, revenue, latency] = await ask("ANALYTICS.GET", site, "24h", ...metrics);
console.log(`events ${count}, revenue ${revenue.toFixed(2)}, p95 latency ${latency}`);

const [series] = await ask("ANALYTICS.RANGE", site, "1h", "1m", "events");
console.log(`events by minute add up to ${series.reduce((sum, [, n]) => sum + n, 0)}`);

const rows = await ask("ANALYTICS.TOP", site, "24h", "page");
const pages = rows.map(([page, n, share]) => `${page} ${n} (${Math.round(share * 100)}%)`);
console.log(`top pages: ${pages.join(", ")}`);

const dashboard = await ask("ANALYTICS.DASHBOARD", site);
console.log(`active in the last 5 minutes: ${dashboard["active-users"]["5m"]}`);

await ask("ANALYTICS.DROP", site);
client.disconnect();
