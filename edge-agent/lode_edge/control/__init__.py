"""Acting on devices: signed commands, the site's envelope, leases, and proof of effect."""
