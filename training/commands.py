"""The commands that training adds to `vouch`."""
