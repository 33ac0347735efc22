"""A mining site over real sockets, with faults on demand."""
