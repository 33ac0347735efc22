"""The edge agent: reads devices, keeps every record, forwards it."""
