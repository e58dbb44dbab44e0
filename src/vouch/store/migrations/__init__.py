"""How the schema came about, one file per change."""
