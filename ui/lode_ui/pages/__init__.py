"""One page a module: words and data, no style."""
