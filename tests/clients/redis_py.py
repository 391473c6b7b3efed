"""Sends the requests of a file with redis-py and prints the replies: see tests/flow/clients.rs."""

import os
import struct
import sys

import redis

connect = redis.RedisCluster if os.environ.get("REDIS_CLUSTER") else redis.Redis
address = {"host": os.environ["REDIS_HOST"], "port": int(os.environ["REDIS_PORT"])}


def shown(reply):
    match reply:
        case None:
            return "nil"
        case bool():
            return f"b{int(reply)}"
        case int():
            return f"i{reply}"
        case float():
            return "d" + struct.pack(">d", reply).hex()
        case bytes():
            return "t" + reply.hex()
        case list():
            return "[" + " ".join(map(shown, reply)) + "]"
        case dict():
            return "{" + " ".join(shown(key) + " " + shown(reply[key]) for key in reply) + "}"
        # redis-py takes the ERR away and keeps other codes.
        case redis.ResponseError():
            return "e" + str(reply).encode().hex()
    raise TypeError(f"not a reply: {reply!r}")


def one_by_one(client, requests):
    for request in requests:
        try:
            yield client.execute_command(*request)
        except redis.ResponseError as error:
            yield error


def at_once(client, requests, transaction):
    pipeline = client.pipeline(transaction=transaction)
    for request in requests:
        pipeline.execute_command(*request)
    return pipeline.execute(raise_on_error=False)


def main():
    for section in open(sys.argv[1]).read().split("## ")[1:]:
        head, *lines = section.splitlines()
        protocol, mode = head.split()
        client = connect(**address, protocol=int(protocol))
        requests = []
        for line in lines:
            command, *words = (bytes.fromhex(word[1:]) for word in line.split())
            requests.append([command.decode(), *words])
        if mode == "single":
            replies = one_by_one(client, requests)
        else:
            replies = at_once(client, requests, transaction=mode == "transaction")
        for reply in replies:
            print(shown(reply))
        client.close()


main()
