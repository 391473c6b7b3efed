"""The questions of questions.rs to ClickHouse in this process (chdb): python clickhouse.py events.bin from to

Prints of each its name, the microseconds that it takes (the median of five), and the sum of the numbers of its answer.
"""
import statistics
import sys
import time

from chdb.session import Session

FUNNEL = """
select level, count() from (
    select windowFunnel(604800000)(at, kind = 0, kind = 1, kind = 2) as level
    from d.events where at >= {start} and at < {end} group by user
) group by level
"""
# The weeks of each user, the first of them, and how many users were there in each.
RETENTION = """
select first, week, count() as users from (
    select arrayMin(weeks) as first, arrayJoin(weeks) as week from (
        select groupUniqArray(toMonday(toDateTime(intDiv(at, 1000), 'UTC'))) as weeks from d.events group by user
    )
) where toDateTime(first, 'UTC') >= toDateTime(intDiv({now}, 1000), 'UTC') - interval 12 week group by first, week
"""


def main():
    file, start, end = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    session = Session()
    session.query("create database d engine = Atomic")
    columns = "user UInt32, at UInt64, kind UInt8"
    session.query(f"create table d.events ({columns}) engine = MergeTree order by (user, at)")
    session.query(f"insert into d.events select * from file('{file}', RowBinary, '{columns}')")
    session.query("optimize table d.events final")
    questions = {"funnel": FUNNEL, "retention": RETENTION}
    for name, question in questions.items():
        question = question.format(start=start, end=end, now=end)
        taken = []
        for _ in range(5):
            begin = time.perf_counter()
            answer = session.query(question, "TSV")
            taken.append(time.perf_counter() - begin)
        numbers = [int(line.split("\t")[-1]) for line in str(answer).strip().split("\n")]
        print(name, statistics.median(taken) * 1e6, sum(numbers))


main()
