// Sends the requests of a file with ioredis and prints the replies: see tests/flow/clients.rs.

import Redis, { Command } from "ioredis";
import { sections, shown } from "./shown.mjs";

const { REDIS_HOST: host, REDIS_PORT: port, REDIS_CLUSTER } = process.env;

class SiteCommand extends Command {
  constructor(name, ...args) {
    super(name, args, { replyEncoding: null });
  }
  getKeys() {
    return [this.args[0]];
  }
}

async function replies(client, mode, requests) {
  if (mode === "single") {
    const ask = (request) => client.sendCommand(new SiteCommand(...request)).catch((error) => error);
    const replies = [];
    for (const request of requests) replies.push(await ask(request));
    return replies;
  }
  const pipeline = mode === "transaction" ? client.multi() : client.pipeline();
  for (const request of requests) pipeline.sendCommand(new SiteCommand(...request));
  return (await pipeline.exec()).map(([error, reply]) => error ?? reply);
}

for (const [protocol, mode, requests] of sections()) {
  const options = protocol === 3 ? { protocol, replyMapping: "resp3" } : { protocol };
  const client = REDIS_CLUSTER
    ? new Redis.Cluster([{ host, port }], { redisOptions: options })
    : new Redis({ host, port, ...options });
  for (const reply of await replies(client, mode, requests)) console.log(shown(reply));
  client.disconnect();
}
