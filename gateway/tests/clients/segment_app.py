"""segment-analytics-python as it is published: 50 purchases of 10 users, a page, an identify."""

import sys

import segment.analytics as analytics

host, key = sys.argv[1:]
failures = []
analytics.write_key = key
analytics.host = host
analytics.gzip = True
analytics.max_retries = 1
analytics.on_error = lambda error, items: failures.append(error)
for i in range(50):
    analytics.track(f"user{i % 10}", "Bought", {"revenue": i, "plan": "pro"})
analytics.identify("user0", {"email": "someone@example.com"})
analytics.page("user0", None, "Home", {"url": "https://app.example/"})
analytics.shutdown()
sys.exit(f"{failures}" if failures else 0)
