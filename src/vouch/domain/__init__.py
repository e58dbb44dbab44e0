"""The rules of the guarantee business, in the standard library alone."""
