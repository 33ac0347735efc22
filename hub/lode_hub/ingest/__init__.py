"""Ingest: from the broker into the database, each batch exactly once, and then the acknowledgement.

ingress ─► inbox ─► check ─► group ─► writer: ONE transaction ─► commit ─► PUBACK, Ack, Committed
   ▲ back-pressure ┘            └─ what is unfit ─► quarantine, in the same transaction
"""
