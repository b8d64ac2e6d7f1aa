"""What operators watch, for Prometheus: `GET /metrics`. Names and labels never carry people's words or ids."""

from prometheus_client import Counter, Gauge, Histogram

ANSWER_SECONDS = Histogram(
    "hotline_answer_seconds",
    "Time from something a person did to its acknowledgement; Slack waits for 3 seconds",
    ["kind"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5),
)
ERRANDS = Counter("hotline_errands_total", "Errands to Slack, by what became of them", ["errand", "result"])
ERRAND_SECONDS = Histogram(
    "hotline_errand_delay_seconds",
    "Time from a change to its being in Slack",
    ["errand"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300, 1800),
)
WAITING = Gauge("hotline_errands_waiting", "Errands that are not done yet")
TURNS_WAITING = Gauge(
    "hotline_turns_waiting",
    "Requests and errands that wait for others to finish: above 0 for long, the machine is too slow",
)
PROCEDURE_IS_OLD = Gauge(
    "hotline_procedure_is_old", "1 while the procedure file can't be used and what it said before is in force"
)
FIRED = Counter("hotline_deadline_moments_total", "Reminders and escalations, by duty", ["duty", "kind"])
FIRED_LATE_SECONDS = Histogram(
    "hotline_deadline_delay_seconds",
    "Time from a moment of a deadline to its being in the outbox, the worst of a tick",
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800),
)
