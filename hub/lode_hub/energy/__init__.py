"""Energy: tariff and signals, the plan, the loop that holds it, the account of what it earned."""
