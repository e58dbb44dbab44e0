"""What Vouch costs and how well it does, measured."""
