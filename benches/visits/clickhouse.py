"""The questions of questions.rs to ClickHouse in this process (chdb): python clickhouse.py events.tsv

Prints of each its name, the microseconds that it takes (the median of nine), and the visits it counts.
"""
import statistics
import sys
import time

from chdb.session import Session

VISITS = """
select user, visit, count() as events, min(at) as first, max(at) as last, argMin(page, at) as entry
from (
    select user, at, page,
        sum(begins) over (partition by user order by at rows unbounded preceding) as visit
    from (
        select user, at, page,
            at - lagInFrame(at, 1, at - 1800000) over (
                partition by user order by at rows between unbounded preceding and unbounded following
            ) >= 1800000 as begins
        from events
    )
)
group by user, visit
"""
QUESTIONS = {
    "whole": f"select count(), countIf(events = 1) / count(), avg(last - first) / 1000 from ({VISITS})",
    "entry": f"select entry, countIf(events = 1) / count() as bounced, count() as visits from ({VISITS}) "
    "group by entry order by bounced desc limit 10",
}


def main():
    session = Session()
    session.query("create database visits")
    session.query("use visits")
    columns = "user String, at Int64, page LowCardinality(String)"
    session.query(f"create table events ({columns}) engine = MergeTree order by (user, at)")
    session.query(f"insert into events select * from file('{sys.argv[1]}', TSV, '{columns}')")
    visits = int(str(session.query(f"select count() from ({VISITS})", "TSV")).strip())
    for name, question in QUESTIONS.items():
        taken = []
        for _ in range(9):
            begin = time.perf_counter()
            session.query(question, "TSV")
            taken.append(time.perf_counter() - begin)
        print(name, statistics.median(taken) * 1e6, visits)


main()
