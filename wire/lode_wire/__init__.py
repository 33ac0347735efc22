"""The contract between edge and hub: records, codec, topics, acknowledgements."""
