"""What ingest counts, for Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

READINGS = Counter("lode_ingest_readings", "Readings committed", ["kind"])
BATCHES = Counter("lode_ingest_batches", "Batches by what became of them", ["outcome"])
TRANSACTIONS = Counter("lode_ingest_transactions", "Transactions by their end", ["outcome"])
COMMIT_S = Histogram(
    "lode_ingest_commit_seconds",
    "Time from the begin of a transaction to its commit",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
INBOX_BYTES = Gauge("lode_ingest_inbox_bytes", "Payloads delivered and not yet finished")
INBOX_COUNT = Gauge("lode_ingest_inbox_batches", "Payloads delivered and not yet finished")
COMMITTED_QUEUE = Gauge("lode_ingest_committed_queue", "Committed groups that wait for the domains")
PARTITIONS = Gauge("lode_ingest_partitions", "Partitions this worker owns")
CONNECTED = Gauge("lode_ingest_connected", "Partitions with a connection to the broker")
