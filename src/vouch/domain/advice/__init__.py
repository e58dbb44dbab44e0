"""What is advised on a case: approve, refer or decline, with a limit and a fee.

`case` says what is asked and how the portfolio stands, `terms` which numbers policy sets, `limits`,
`price` and `rules` what each rule finds, `advise` how the findings become one answer.
"""
