"""The planner: which rigs run, how hard and when, so that the site earns most within its limits."""
