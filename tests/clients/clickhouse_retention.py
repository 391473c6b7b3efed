"""Cohorts and new and returning users beside what ClickHouse says of the same events: by day, week and month of a
zone with daylight saving, every cell of the matrix, for a horizon that nobody is away for and for one that many are.
"""

import random
from datetime import datetime
from zoneinfo import ZoneInfo

from chdb.session import Session
from clickhouse_events import DAY, map_of, send

ZONE = "America/New_York"
HORIZONS = [365, 31]
# How ClickHouse names the beginning of a period.
PERIODS = {"day": "{}", "week": "toMonday({})", "month": "toStartOfMonth({})"}


def compare(client, users):
    """How many numbers differ, of the events of so many users."""
    now = int(client.time()[0]) * 1000
    begin = now // DAY * DAY - 210 * DAY
    rng = random.Random(19)
    events = sorted(event for user in range(users) for event in history(rng, user, begin, now - DAY))
    session = Session()
    fill(session, events)
    failures = 0
    for horizon in HORIZONS:
        site = f"horizon{horizon}"
        options = ["TZ", ZONE, "RETURNING", f"{horizon}d", "RETENTION", "minute", "off", "RETENTION", "hour", "off"]
        client.execute_command("ANALYTICS.CREATE", site, *options)
        send(client, site, (["view", f"user-{user}", "AT", time] for time, user in events))
        for period in PERIODS:
            found = ours(client, site, period, begin - 40 * DAY)
            expected, new, returning = theirs(session, horizon, period)
            differ = {cell for cell in found.keys() | expected.keys() if found.get(cell, 0) != expected.get(cell, 0)}
            differ.update(differences_of_periods(client, site, period, new, returning))
            failures += len(differ)
            cells = len([count for count in expected.values() if count])
            print(f"horizon {horizon}d, by {period}: {cells} cells, {sum(new.values())} new users, {len(differ)} differ")
            for cell in sorted(differ, key=str)[:5]:
                print(f"  {cell}: ours {found.get(cell)}, ClickHouse {expected.get(cell)}")
    print(f"retention: {failures} numbers differ, of {len(events)} events")
    return failures


def history(rng, user, begin, end):
    """The events of a user: some come daily, some seldom, some pause for months."""
    time = begin + rng.randrange(180 * DAY)
    pause = rng.choice([0.2, 1, 5, 20, 45]) * DAY
    for _ in range(rng.randint(1, 10)):
        if time >= end:
            return
        yield (time, user)
        time += 1 + int(rng.expovariate(1 / pause))


def fill(session, events):
    session.query("create database d engine = Atomic")
    session.query("create table d.events (user UInt32, day Date) engine = MergeTree order by (user, day)")
    for first in range(0, len(events), 100_000):
        rows = ",".join(
            f"({user},toDate(fromUnixTimestamp64Milli({time},'{ZONE}')))" for time, user in events[first : first + 100_000]
        )
        session.query(f"insert into d.events values {rows}")


def theirs(session, horizon, period):
    """Every cell [cohort, period], and by period the new users and those who returned."""
    lives = f"""
        select user, day, sum(begins) over (partition by user order by day) as life
        from (
            select user, day,
                day - lagInFrame(day, 1, toDate('1970-01-01')) over (
                    partition by user order by day rows between unbounded preceding and unbounded following
                ) > {horizon} as begins
            from (select distinct user, day from d.events)
        )"""
    of = PERIODS[period].format
    rows = session.query(
        f"""select {of('first')} as cohort, {of('day')} as seen, uniqExact(user, life)
            from (select user, life, day, min(day) over (partition by user, life) as first from ({lives}))
            group by cohort, seen""",
        "CSV",
    )
    cells, new, returning = {}, {}, {}
    for line in str(rows).split():
        cohort, seen, count = line.replace('"', "").split(",")
        cells[cohort, seen] = int(count)
        of_period = new if cohort == seen else returning
        of_period[seen] = of_period.get(seen, 0) + int(count)
    return cells, new, returning


def name_of(start):
    """The day on which a period begins."""
    return str(datetime.fromtimestamp(start / 1000, ZoneInfo(ZONE)).date())


def ours(client, site, period, begin):
    rows = map_of(client.execute_command("ANALYTICS.RETENTION", site, f"{begin}..now", period))["rows"]
    names = [name_of(start) for start, *_ in rows]
    cells = {}
    for at, (_, users, returned) in enumerate(rows):
        for seen, count in zip(names[at:], [users, *returned], strict=True):
            assert count is not None, f"{names[at]}, {seen}: every bucket is there"
            cells[names[at], seen] = count
    return cells


def differences_of_periods(client, site, period, new, returning):
    """Periods whose new users, or those who returned, are others."""
    for seen in new.keys() | returning.keys():
        windows = {"day": seen, "week": f"{datetime.fromisoformat(seen):%G-W%V}", "month": seen[:7]}
        asked = ["ANALYTICS.GET", site, windows[period], "users:new", "users:returning"]
        if client.execute_command(*asked) != [new.get(seen, 0), returning.get(seen, 0)]:
            yield ("period", seen)
