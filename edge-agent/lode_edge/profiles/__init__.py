"""For people who write descriptions of devices: look at one, check one, try it on a device."""
