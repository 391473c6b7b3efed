"""Funnels beside what ClickHouse's own windowFunnel says of the same events. Compared are:

 - a funnel so long that each user has one attempt: windowFunnel, grouped by user;
 - a short one: windowFunnel, grouped by attempt, where the first steps are those of the attempt;
step by step, of the whole and of every value of BY; and the times of the steps, within 1 %.
"""

import random
import tempfile
import time as clock
from collections import defaultdict

import chdb
import chdb.session

from clickhouse_events import DAY, send

STEPS = ["view", "cart", "address", "pay"]
COUNTRIES = ["FR", "DE", "IN"]
SPAN = 20 * DAY


def compare(client, users):
    """How many numbers differ, of the events of so many users."""
    now = int(client.time()[0]) * 1000
    start = (now - 40 * DAY) // DAY * DAY
    rng = random.Random(19)
    events = sorted(event for user in range(users) for event in history(rng, user, start))
    client.execute_command("ANALYTICS.CREATE", "shop", "RETENTION", "hour", "90d", "RETENTION", "minute", "off")
    steps = [word for step in STEPS for word in ("STEP", f"event={step}")]
    within = {"long": SPAN, "short": 2 * DAY}
    for name, millis in within.items():
        line = ["ANALYTICS.FUNNEL", "shop", "SET", name, "WITHIN", f"{millis // DAY}d", *steps, "BY", "country"]
        assert client.execute_command(*line) == "OK"
    rows = ([kind, f"user-{user}", "AT", time, "DIM", "country", country] for time, user, kind, country in events)
    send(client, "shop", rows)

    by_user = defaultdict(list)
    for event in events:
        by_user[event[1]].append(event)
    failures = 0
    for name, millis in within.items():
        attempts, gaps = attempts_of(by_user, millis)
        if name == "long":
            assert len(attempts) == len({user for _, user, *_ in attempts}), "one attempt a user"
        expected = window_funnels(attempts, millis)
        reply = client.execute_command(
            "ANALYTICS.FUNNEL", "shop", "GET", name, f"{start}..{start + SPAN + 10 * DAY}", "BY", "country"
        )
        reply = dict(zip(reply[::2], reply[1::2])) if isinstance(reply, list) else reply
        found = {"": [row[1] for row in reply["rows"]]}
        found.update({row[0]: row[1] for row in reply["values"]})
        print(f"{name}: {len(attempts)} attempts of {len(by_user)} users; ClickHouse {expected['']}")
        for value in ["", *COUNTRIES]:
            if found.get(value) != expected[value]:
                failures += 1
                print(f"  {value or 'all'}: ours {found.get(value)}, ClickHouse {expected[value]}")
        for step in range(1, len(STEPS)):
            ordered = sorted(gaps[step])
            for place, q in ((4, 0.5), (5, 0.9)):
                exact = ordered[max(0, -int(-q * len(ordered) // 1) - 1)] / 1000
                ours = float(reply["rows"][step][place])
                if abs(ours - exact) > 0.01 * exact:
                    failures += 1
                    print(f"  step {step + 1}, {q}: ours {ours} s, exactly {exact} s")
    compare_times(client, events)
    print(f"funnels: {failures} numbers differ, of {len(events)} events")
    return failures


def compare_times(client, events):
    """The processor time of a funnel in the server, beside that of windowFunnel over the raw events."""
    client.execute_command("CONFIG", "RESETSTAT")
    for _ in range(100):
        client.execute_command("ANALYTICS.FUNNEL", "shop", "GET", "short", "60d")
    ours = client.info("commandstats")["cmdstat_analytics.funnel"]["usec_per_call"]
    conditions = ", ".join(f"kind = '{step}'" for step in STEPS)
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.writelines(f"{user},{time},{kind}\n" for time, user, kind, _ in events)
        file.flush()
        session = chdb.session.Session()
        session.query("create database d engine = Atomic")
        session.query(
            "create table d.events (user UInt64, time UInt64, kind LowCardinality(String)) "
            "engine = MergeTree order by (user, time)"
        )
        rows = f"file('{file.name}', CSV, 'user UInt64, time UInt64, kind String')"
        session.query(f"insert into d.events select * from {rows}")
    times = []
    for _ in range(5):
        begin = clock.perf_counter()
        session.query(
            f"""select level, count() from (
                  select windowFunnel({2 * DAY})(time, {conditions}) as level from d.events group by user)
                group by level"""
        )
        times.append(clock.perf_counter() - begin)
    print(f"FUNNEL GET 60d: {ours:.0f} microseconds; windowFunnel: {sorted(times)[2] * 1e3:.0f} milliseconds")


def history(rng, user, start):
    """The events of a user, in the order of time: no two at the same millisecond."""
    time = start + rng.randrange(SPAN - 3 * DAY)
    for _ in range(rng.randint(1, 9)):
        kind = rng.choices(["view", "cart", "address", "pay", "other"], [6, 4, 3, 3, 2])[0]
        yield (time, user, kind, rng.choice(COUNTRIES))
        time += 1 + int(rng.expovariate(1 / rng.choice([60_000, 3_600_000, 0.4 * DAY])))
        if time >= start + SPAN:
            return


def attempts_of(by_user, within):
    """Of each attempt its number, user and country, and its events; and the times between steps."""
    attempts, gaps = [], defaultdict(list)
    for user, events in by_user.items():
        anchors = []
        for time, _, kind, country in events:
            if kind == STEPS[0] and not (anchors and time <= anchors[-1][0] + within):
                anchors.append((time, country))
        for anchor, country in anchors:
            own = [e for e in events if e[2] != STEPS[0] or anchor <= e[0] <= anchor + within]
            attempts.append((len(attempts), user, country, own))
            chains, reached = [None] * len(STEPS), 0
            for time, _, kind, _ in own:
                step = STEPS.index(kind) if kind in STEPS else None
                if step is None or step > 0 and not (chains[step - 1] and time <= chains[step - 1][0] + within):
                    continue
                first, before = (time, time) if step == 0 else chains[step - 1]
                chains[step] = (first, time)
                if step == reached:
                    gaps[step].append(time - before)
                    reached += 1
                if reached == len(STEPS):
                    break
    return attempts, gaps


def window_funnels(attempts, within):
    """How many attempts reached each step, by ClickHouse; of all, and of each country."""
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        for number, _, country, events in attempts:
            for time, _, kind, _ in events:
                file.write(f"{number},{country},{time},{kind}\n")
        file.flush()
        conditions = ", ".join(f"kind = '{step}'" for step in STEPS)
        rows = chdb.query(
            f"""select country, level, count() from (
                  select country, windowFunnel({within})(time, {conditions}) as level
                  from file('{file.name}', CSV, 'attempt UInt64, country String, time UInt64, kind String')
                  group by attempt, country)
                group by country, level""",
            "CSV",
        )
    reached = {value: [0] * len(STEPS) for value in ["", *COUNTRIES]}
    for line in str(rows).split():
        country, level, count = line.replace('"', "").split(",")
        for value in ("", country):
            for step in range(int(level)):
                reached[value][step] += int(count)
    return reached
