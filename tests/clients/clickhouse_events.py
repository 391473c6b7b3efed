"""What the comparisons with ClickHouse share."""

import itertools

DAY = 86_400_000


def send(client, site, events):
    """Counts events, each given as the words from its type on, 500 in a call."""
    events, pipe = iter(events), client.pipeline(transaction=False)
    while batch := list(itertools.islice(events, 500)):
        words = itertools.chain.from_iterable(["EVENT", *event] for event in batch)
        pipe.execute_command("ANALYTICS.MTRACK", site, *words)
        if len(pipe) == 100:
            pipe.execute()
    pipe.execute()


def map_of(reply):
    """A reply that is a map, as RESP2 has it."""
    return dict(zip(reply[::2], reply[1::2])) if isinstance(reply, list) else reply
