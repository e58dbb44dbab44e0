"""What a risk officer changes without code: dated, sourced TOML, and how it is read."""
