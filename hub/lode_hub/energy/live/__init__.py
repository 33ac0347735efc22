"""The planner at work: a site's rigs and prices into plans, plans into orders, the meter to them.

fleet, outlook ─► plan ─► schedule ─► standing orders of each agent ◄─ trim ◄─ meter
"""
