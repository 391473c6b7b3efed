// Sends the requests of a file with node-redis and prints the replies: see tests/flow/clients.rs.

import { createClient, createCluster, RESP_TYPES } from "redis";
import { sections, shown } from "./shown.mjs";

const { REDIS_HOST: host, REDIS_PORT: port, REDIS_CLUSTER } = process.env;
const url = `redis://${host}:${port}`;
const commandOptions = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.MAP]: Map } };

async function replies(client, mode, requests) {
  if (mode === "transaction") {
    const transaction = client.multi();
    for (const request of requests) transaction.addCommand(request);
    return transaction.exec().catch((error) => error.replies);
  }
  const ask = (request) => {
    const asked = REDIS_CLUSTER
      ? client.sendCommand(request[1], false, request)
      : client.sendCommand(request);
    return asked.catch((error) => error);
  };
  // What is asked in one turn goes out in one pipeline.
  if (mode === "pipeline") return Promise.all(requests.map(ask));
  const replies = [];
  for (const request of requests) replies.push(await ask(request));
  return replies;
}

for (const [protocol, mode, requests] of sections()) {
  const client = REDIS_CLUSTER
    ? createCluster({ rootNodes: [{ url }], RESP: protocol, commandOptions })
    : createClient({ url, RESP: protocol, commandOptions });
  await client.connect();
  for (const reply of await replies(client, mode, requests)) console.log(shown(reply));
  await client.close();
}
