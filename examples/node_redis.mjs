// Events in, answers out, with node-redis.
//
//     npm ci
//     node node_redis.mjs
//
// REDIS_HOST and REDIS_PORT name the server; with REDIS_CLUSTER=1 it is a node of a cluster.

import { createClient, createCluster } from "redis";

const { REDIS_HOST: host = "127.0.0.1", REDIS_PORT: port = 6379, REDIS_CLUSTER } = process.env;
const url = `redis://${host}:${port}`;
// RESP: 3 gives numbers as numbers and maps as objects.
const client = REDIS_CLUSTER
  ? createCluster({ rootNodes: [{ url }], RESP: 3 })
  : createClient({ url, RESP: 3 });
await client.connect();

// A cluster is told the key, which is the site, and whether a replica may answer.
const ask = (command, site, ...args) =>
  REDIS_CLUSTER
    ? client.sendCommand(site, false, [command, site, ...args])
    : client.sendCommand([command, site, ...args]);

const site = "example:node-redis";
const order = "DIM country FR VAL revenue 59.9 VAL latency 132 ID order-1001".split(" ");
const events = [
  ["view", "ann", "DIM", "country", "FR", "DIM", "page", "/shoes"],
  ["view", "bob", "DIM", "country", "DE", "DIM", "page", "/hats"],
  ["view", "cleo", "DIM", "country", "FR", "DIM", "page", "/hats"],
  ["purchase", "ann", ...order],
  ["purchase", "ann", ...order], // sent twice by mistake: its ID counts once
];

// What is asked in one turn goes out in one pipeline.
const replies = await Promise.all(events.map((event) => ask("ANALYTICS.TRACK", site, ...event)));
const counted = replies.reduce((sum, reply) => sum + reply, 0);
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
await client.close();
