"""Events in, answers out, with redis-py.

    pip install -r requirements.txt
    python redis_py.py

REDIS_HOST and REDIS_PORT name the server; with REDIS_CLUSTER=1 it is a node of a cluster.
"""

import os

import redis

# A site is one key, so a cluster takes the same commands: only the class is another one.
connect = redis.RedisCluster if os.environ.get("REDIS_CLUSTER") else redis.Redis
client = connect(
    host=os.environ.get("REDIS_HOST", "127.0.0.1"),
    port=int(os.environ.get("REDIS_PORT", "6379")),
    protocol=3,  # counts come as int, other numbers as float, maps as dict
    decode_responses=True,
)

SITE = "example:redis-py"
ORDER = ["DIM", "country", "FR", "VAL", "revenue", 59.9, "VAL", "latency", 132, "ID", "order-1001"]
EVENTS = [
    ["view", "ann", "DIM", "country", "FR", "DIM", "page", "/shoes"],
    ["view", "bob", "DIM", "country", "DE", "DIM", "page", "/hats"],
    ["view", "cleo", "DIM", "country", "FR", "DIM", "page", "/hats"],
    ["purchase", "ann", *ORDER],
    ["purchase", "ann", *ORDER],  # sent twice by mistake: its ID counts once
]

# One round trip for all of them.
with client.pipeline(transaction=False) as pipeline:
    for event in EVENTS:
        pipeline.execute_command("ANALYTICS.TRACK", SITE, *event)
    print(f"counted {sum(pipeline.execute())} of {len(EVENTS)} events")

users = client.execute_command("ANALYTICS.UNIQUE", SITE, "24h")
print(f"{users} users in the last 24 hours")

metrics = ["events", "revenue:sum", "latency:p95"]
events, revenue, latency = client.execute_command("ANALYTICS.GET", SITE, "24h", *metrics)
print(f"events {events}, revenue {revenue:.2f}, p95 latency {latency:g}")

[series] = client.execute_command("ANALYTICS.RANGE", SITE, "1h", "1m", "events")
print(f"events by minute add up to {sum(count for _time, count in series)}")

rows = client.execute_command("ANALYTICS.TOP", SITE, "24h", "page")
print("top pages:", ", ".join(f"{page} {count} ({share:.0%})" for page, count, share, _ in rows))

dashboard = client.execute_command("ANALYTICS.DASHBOARD", SITE)
print(f"active in the last 5 minutes: {dashboard['active-users']['5m']}")

client.execute_command("ANALYTICS.DROP", SITE)
