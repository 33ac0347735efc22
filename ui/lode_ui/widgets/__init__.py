"""Everything that has a look: pages put these together and know no style."""
