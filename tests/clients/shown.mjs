// What the programs for Node.js share: the requests of a file, and replies as tests/flow/clients.rs
// shows them. JavaScript does not tell integers from other numbers, and ioredis reads some of these
// a last bit beside what is written there.

import { readFileSync } from "node:fs";

// [protocol, mode, requests], a request being its command as a string and its words as buffers.
export function sections() {
  const texts = readFileSync(process.argv[2], "utf8").split("## ").slice(1);
  return texts.map((text) => {
    const [head, ...lines] = text.trimEnd().split("\n");
    const [protocol, mode] = head.split(" ");
    const requests = lines.map((line) => {
      const [command, ...words] = line.split(" ").map((word) => Buffer.from(word.slice(1), "hex"));
      return [command.toString(), ...words];
    });
    return [Number(protocol), mode, requests];
  });
}

const hex = (text) => Buffer.from(text).toString("hex");

export function shown(reply) {
  if (reply === null) return "nil";
  if (typeof reply === "boolean") return `b${Number(reply)}`;
  if (typeof reply === "number") {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(Number(reply.toPrecision(14)));
    return `d${bytes.toString("hex")}`;
  }
  if (typeof reply === "string" || Buffer.isBuffer(reply)) return `t${hex(reply)}`;
  if (reply instanceof Error) return `e${hex(reply.message.replace(/^ERR /, ""))}`;
  if (Array.isArray(reply)) return `[${reply.map(shown).join(" ")}]`;
  const pairs = reply instanceof Map ? [...reply] : Object.entries(reply);
  return `{${pairs.map(([name, value]) => `${shown(name)} ${shown(value)}`).join(" ")}}`;
}
