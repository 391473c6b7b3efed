"""Compares funnels, cohorts and returning users with what ClickHouse (chdb, in this process) says of the events of
random users.

usage: clickhouse.py port [users]
"""

import sys

import chdb
import redis

import clickhouse_funnels
import clickhouse_retention


def main():
    port, users = int(sys.argv[1]), int((sys.argv + ["100000"])[2])
    client = redis.Redis(port=port, decode_responses=True)
    comparisons = [clickhouse_funnels.compare, clickhouse_retention.compare]
    if failures := sum(compare(client, users) for compare in comparisons):
        sys.exit(f"{failures} numbers differ")
    print(f"equal: {users} users, ClickHouse {chdb.query('select version()')}".strip())


main()
