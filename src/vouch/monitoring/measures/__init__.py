"""Portfolio measures: every rate and amount of the guarantee business by its exact definition.

What a measure is called, where its formula comes from and its numbers stand in
`policy/indicators/<id>.toml` (`catalogue`); how it is computed is a function here, by subject
(`rates`, `liability`, `shares`, `prices`, `reserves`), over one dated view of the book (`view`).
`report` puts the two together.
"""
