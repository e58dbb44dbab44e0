"""What a model sees: small declared functions of the facts known on a date."""
