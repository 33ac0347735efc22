"""Which agents belong to this hub: tokens, certificates, and who may come to the broker."""
