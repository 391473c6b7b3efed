#!/usr/bin/env python3
"""Turns the alerts of sites into webhooks: each is POSTed as JSON until it was taken.

    URL=https://example.com/hook examples/webhooks.py shop [site ...]

REDIS_HOST, REDIS_PORT and REDIS_PASSWORD say where Redis is. GROUP is the consumer group, one for each receiver;
CONSUMER tells workers of a group apart, as many of which may run as are needed. ONCE=1 ends when
nothing is left.

An entry is acknowledged when the receiver answered with a 2xx status. What was not, or was taken by
a worker that died, is tried again after RETRY seconds, by any worker of the group. A receiver sees
every alert at least once; the header X-Alert-Id is the same each time.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

import redis

URL = os.environ["URL"]
GROUP = os.environ.get("GROUP", "webhooks")
CONSUMER = os.environ.get("CONSUMER", f"worker-{os.getpid()}")
RETRY = float(os.environ.get("RETRY", "10"))
ONCE = os.environ.get("ONCE") == "1"


def stream_of(site):
    opened = site.find("{")
    closed = site.find("}", opened + 1)
    tagged = opened >= 0 and closed > opened + 1
    return (site if tagged else "{" + site + "}") + ":alerts"


def deliver(site, entry, fields):
    body = json.dumps({"id": entry, "site": site, **fields}).encode()
    request = urllib.request.Request(
        URL,
        data=body,
        method="POST",
        headers={"Content-Type": "application/json", "X-Alert-Id": entry},
    )
    try:
        with urllib.request.urlopen(request, timeout=10):
            return True
    except (urllib.error.URLError, OSError) as error:
        print(f"{entry} of {site}: {error}; again in {RETRY:g} s", file=sys.stderr)
        return False


def handle(client, stream, site, entries):
    for entry, fields in entries:
        # An entry that the stream has dropped since is gone for good.
        if not fields or deliver(site, entry, fields):
            client.xack(stream, GROUP, entry)


def make_group(client, stream):
    try:
        client.xgroup_create(stream, GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise


def main(sites):
    client = redis.Redis(
        host=os.environ.get("REDIS_HOST", "127.0.0.1"),
        port=int(os.environ.get("REDIS_PORT", "6379")),
        password=os.environ.get("REDIS_PASSWORD"),
        decode_responses=True,
    )
    streams = {stream_of(site): site for site in sites}
    for stream in streams:
        make_group(client, stream)
    while True:
        try:
            for stream, site in streams.items():
                claimed = client.xautoclaim(
                    stream, GROUP, CONSUMER, min_idle_time=int(RETRY * 1000), count=100
                )
                handle(client, stream, site, claimed[1])
            found = client.xreadgroup(
                GROUP, CONSUMER, dict.fromkeys(streams, ">"), count=100, block=1000
            )
            for stream, entries in found or []:
                handle(client, stream, streams[stream], entries)
            pending = sum(client.xpending(stream, GROUP)["pending"] for stream in streams)
            if ONCE and not found and not pending:
                return
        except redis.ConnectionError as error:
            print(f"{error}; again in {RETRY:g} s", file=sys.stderr)
            time.sleep(RETRY)
        except redis.ResponseError as error:
            # A site that was dropped took its stream along, and with it the group.
            if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
                raise
            for stream in streams:
                make_group(client, stream)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
