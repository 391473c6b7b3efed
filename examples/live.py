#!/usr/bin/env python3
"""Shows the live metrics of a site in a terminal.

    redis-cli ANALYTICS.LIVE shop SET main 1s WINDOW 5m events users latency:p95
    examples/live.py shop main

REDIS_HOST, REDIS_PORT and REDIS_PASSWORD say where Redis is. COUNT=n ends after so many messages. Where the output is
no terminal, a line is printed for each message.
"""

import json
import os
import sys
import time

import redis

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 40


def channel_of(site, name):
    opened = site.find("{")
    closed = site.find("}", opened + 1)
    tagged = opened >= 0 and closed > opened + 1
    return "analytics:live:" + (site if tagged else "{" + site + "}") + ":" + name


def shown(value):
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def bars(values):
    known = [value for value in values if value is not None]
    low, high = min(known, default=0), max(known, default=0)
    step = (high - low) / (len(BARS) - 1) or 1
    return "".join(
        " " if value is None else BARS[int((value - low) / step)] for value in values
    )


def show(message, history):
    metrics = message["metrics"]
    for metric, value in metrics.items():
        history.setdefault(metric, []).append(value)
        del history[metric][:-WIDTH]
    at = time.strftime("%H:%M:%S", time.localtime(message["time"] / 1000))
    if not sys.stdout.isatty():
        line = " ".join(f"{metric}={shown(value)}" for metric, value in metrics.items())
        print(at, line, flush=True)
        return
    print(f"\x1b[H\x1b[2J{message['site']} {message['name']}, {message['window']}, {at}\n")
    wide = max(map(len, metrics), default=0)
    for metric, value in metrics.items():
        print(f"{metric:<{wide}}  {shown(value):>14}  {bars(history[metric])}")


def main(site, name):
    client = redis.Redis(
        host=os.environ.get("REDIS_HOST", "127.0.0.1"),
        port=int(os.environ.get("REDIS_PORT", "6379")),
        password=os.environ.get("REDIS_PASSWORD"),
    )
    left = int(os.environ.get("COUNT", "-1"))
    history = {}
    with client.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe(channel_of(site, name))
        for message in listener.listen():
            show(json.loads(message["data"]), history)
            left -= 1
            if left == 0:
                return


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        main(sys.argv[1], sys.argv[2])
    except KeyboardInterrupt:
        pass
